import { expect, test } from "bun:test";
import { renderCrds, renderLinkCrd } from "./crds.ts";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";
import { expectGolden } from "./testing/golden.ts";
import { toYaml } from "./yaml.ts";

const context = { controlPlaneNamespace: "linkerd", createdBy: "linkerd/cli test-version" };
const crds = [...renderCrds(context), renderLinkCrd(context)];

interface Version extends JsonObject {
  name: string;
  storage: boolean;
  schema: { openAPIV3Schema: JsonObject };
}

function versionsOf(crd: JsonObject): Version[] {
  return (crd["spec"] as { versions: Version[] }).versions;
}

test("the custom resource definitions", () => {
  expectGolden("crds.golden.yaml", toYaml(crds));
});

test("prune and uninstall of the control plane leave Link alone: with the definition all links would go", () => {
  expect(renderLinkCrd(context).metadata.labels).toEqual({ "linkerd.io/extension": "multicluster" });
  for (const crd of renderCrds(context)) {
    expect(crd.metadata.labels).toEqual({ "linkerd.io/control-plane-ns": "linkerd" });
  }
});

test("every definition stores exactly one version and is named after its plural and group", () => {
  for (const crd of crds) {
    const { group, names } = crd["spec"] as { group: string; names: { plural: string } };
    expect(crd.metadata.name).toBe(`${names.plural}.${group}`);
    expect(versionsOf(crd).filter(({ storage }) => storage)).toHaveLength(1);
  }
});

test("every schema is structural", () => {
  // Each level has a type (or says int-or-string, or preserves what it doesn't know), and defaults stand only beside types.
  const problems: string[] = [];
  const walk = (schema: Json | undefined, path: string): void => {
    if (!isJsonObject(schema)) return;
    const untyped =
      schema["x-kubernetes-int-or-string"] === true || schema["x-kubernetes-preserve-unknown-fields"] === true;
    if (schema["type"] === undefined && !untyped) problems.push(`${path} has no type`);
    const { pattern } = schema;
    if (typeof pattern === "string") expect(() => new RegExp(pattern)).not.toThrow();
    if (isJsonObject(schema["properties"])) {
      for (const [name, member] of Object.entries(schema["properties"])) walk(member, `${path}.${name}`);
      for (const name of (schema["required"] as string[] | undefined) ?? []) {
        if (schema["properties"][name] === undefined) problems.push(`${path} requires the unknown ${name}`);
      }
    }
    if (schema["type"] === "array") walk(schema["items"], `${path}[]`);
  };
  for (const crd of crds) {
    for (const version of versionsOf(crd)) walk(version.schema.openAPIV3Schema, `${crd.metadata.name}/${version.name}`);
  }
  expect(problems).toEqual([]);
});

test("the kinds, short names and versions of the contract, and our own", () => {
  const summary = crds.map((crd) => {
    const { names } = crd["spec"] as { names: { kind: string; shortNames?: string[] } };
    const versions = versionsOf(crd).map(({ name, storage }) => (storage ? `${name} (st)` : name));
    return `${names.kind} ${(names.shortNames ?? []).join(",")} ${versions.join(" ")}`.replace(/ +/g, " ");
  });
  expect(summary).toEqual([
    "AuthorizationPolicy authzpolicy v1alpha1 (st)",
    "EgressNetwork v1alpha1 (st)",
    "HTTPLocalRateLimitPolicy v1alpha1 (st)",
    "HTTPRoute v1alpha1 v1beta1 v1beta2 v1beta3 (st)",
    "MeshTLSAuthentication meshtlsauthn v1alpha1 (st)",
    "NetworkAuthentication netauthn,networkauthn v1alpha1 (st)",
    "ServerAuthorization saz,serverauthz,srvauthz v1alpha1 v1beta1 (st)",
    "Server srv v1alpha1 v1beta1 v1beta2 v1beta3 (st)",
    "ServiceProfile sp v1alpha1 v1alpha2 (st)",
    "ExternalWorkload v1alpha1 v1beta1 (st)",
    "TrafficSplit ts v1alpha1 v1alpha2 (st) v1alpha3 v1alpha4",
    // Ours.
    "FaultInjection v1alpha1 (st)",
    "DenyPolicy v1alpha1 (st)",
    "MeshTLSRequirement v1alpha1 (st)",
    "JWTAuthentication v1alpha1 (st)",
    "Link v1alpha1 v1alpha2 v1alpha3 (st)",
  ]);
});
