/** Each value changes something that is rendered or injected, is refused, or is in the list that users are shown. */
import { expect, test } from "bun:test";
import { injectPod } from "../inject/inject-pod.ts";
import { controlPlaneParts } from "../install.ts";
import type { Json, JsonObject } from "../json.ts";
import { testCerts, testContext, testIssuer, testValues } from "../testing/fixtures.ts";
import { plain } from "../template/expression.ts";
import { cniValues } from "./cni.ts";
import { renderCni, resolveCniValues } from "../cni.ts";
import { controlPlaneValues } from "./control-plane.ts";
import type { Field } from "./field.ts";
import { ignoredValues } from "./rules.ts";

type Leaf = Extract<Field<Json>["shape"], { kind: "leaf" }>;

function leaves({ shape }: Field<Json>, path: string[] = []): Array<[path: string[], leaf: Leaf]> {
  if (shape.kind === "leaf") return [[path, shape]];
  return Object.entries(shape.members).flatMap(([name, member]) => leaves(member, [...path, name]));
}

/** What else must be set for a value to mean something. */
const together: Array<[prefix: string, layer: Json]> = [
  ["proxy.tracing", tracing()],
  ["networkValidator", { cniEnabled: true }],
  ["podMonitor", { podMonitor: { enabled: true } }],
  ["certManager", operators()],
  ["proxyInit.closeWaitTimeoutSecs", { proxyInit: { runAsRoot: true } }],
  ["proxy.startupProbe", { proxy: { nativeSidecar: true } }],
  ["proxy.waitBeforeExitSeconds", { proxy: { nativeSidecar: false } }],
  ["controller.podDisruptionBudget", { enablePodDisruptionBudget: true }],
  ["identity.externalCA", testCerts],
  ["identity.serviceAccountTokenProjection", testCerts],
  ["proxyInjector", testCerts],
  ["profileValidator", testCerts],
  ["policyValidator", testCerts],
];
const alone: JsonObject = {};
/** Only said to people; or only of meaning to another program, which reads it from ConfigMap linkerd-config. */
const elsewhere = ["cliVersion", "highAvailability"];

function tracing(): JsonObject {
  const collector = { endpoint: "c:4317", meshIdentity: { serviceAccountName: "c", namespace: "t" } };
  return { proxy: { tracing: { enabled: true, collector } } };
}
function operators(): JsonObject {
  return {
    certManager: { enabled: true },
    identity: { externalCA: true, issuer: { scheme: "kubernetes.io/tls" } },
  };
}

/** Values that a leaf may take other than its default; the first that is accepted counts. */
function others({ fallback, schema, symbol }: Leaf): Json[] {
  if (typeof fallback === "boolean") return [!fallback];
  if (Array.isArray(schema["enum"])) return (schema["enum"] as Json[]).filter((word) => word !== fallback);
  if (symbol === "number") return [7, 0.5];
  if (symbol === "json") {
    return Array.isArray(fallback)
      ? [["7"], ["10.7.0.0/16"], [{ name: "seven", namespace: "seven" }]]
      : [{ matchLabels: { seven: "7" } }, { seven: "7" }];
  }
  return ["7", "7s", "10.7.0.0/16", "7m", "seven.example", "matchNames: [seven]\n"];
}

function layerOf(path: readonly string[], value: Json): JsonObject {
  return path.toReversed().reduce<Json>((inner, name) => ({ [name]: inner }), value) as JsonObject;
}

/** All that a cluster gets to see of the values, but for the ConfigMap that repeats them. */
function seen(...layers: Json[]): string {
  const values = testValues(testIssuer, ...layers);
  const parts = controlPlaneParts({ values, namespace: "linkerd", createdBy: "test" }, "the configuration");
  const pod = { metadata: { annotations: { "config.linkerd.io/enable-debug-sidecar": "true" } }, spec: {} };
  const service = { spec: { containers: [{ name: "a", ports: [{ containerPort: 25 }] }] } };
  const anchored = { ...values, identityTrustAnchorsPEM: values.identityTrustAnchorsPEM || "anchors" };
  return JSON.stringify([
    plain(Object.values(parts).flat()),
    injectPod(pod, testContext({ values: anchored })),
    injectPod(service, testContext({ values: anchored })),
  ]);
}

/** Whether a changed value shows; "refused" when no other value is taken. `usual` is what is seen without it. */
function effect(path: readonly string[], leaf: Leaf, see: (layer: Json) => string, usual: string): string {
  let refused = true;
  for (const value of others(leaf)) {
    let changed: string;
    try {
      changed = see(layerOf(path, value));
    } catch {
      continue;
    }
    refused = false;
    if (changed !== usual) return "shows";
  }
  return refused ? "refused" : "nothing";
}

test("every value of the control plane shows, is refused, or is told to have no effect", () => {
  const silent: string[] = [];
  const known = new Map<Json, string>();
  for (const [path, leaf] of leaves(controlPlaneValues)) {
    const name = path.join(".");
    if (elsewhere.includes(name)) continue;
    const layer = together.find(([prefix]) => name.startsWith(prefix) && name !== `${prefix}.enabled`)?.[1] ?? alone;
    const told = ignoredValues.some((ignored) => name === ignored.path || name.startsWith(`${ignored.path}.`));
    if (told) continue;
    const usual = known.get(layer) ?? seen(layer);
    known.set(layer, usual);
    if (effect(path, leaf, (change) => seen(layer, change), usual) === "nothing") silent.push(name);
  }
  expect(silent).toEqual([]);
}, 60_000);

test("every value of the CNI plugin shows or is refused", () => {
  const see = (layer: Json): string =>
    JSON.stringify(renderCni(resolveCniValues({ linkerdVersion: "v1" }, layer), { createdBy: "test" }));
  const silent = leaves(cniValues)
    .filter(([path]) => path.join(".") !== "cliVersion")
    .filter(([path, leaf]) => effect(path, leaf, see, see({})) === "nothing")
    .map(([path]) => path.join("."));
  expect(silent).toEqual([]);
});
