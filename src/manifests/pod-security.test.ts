/**
 * Every pod keeps to the Pod Security Standard "restricted", but for what redirects traffic: the init container's NET_ADMIN
 * and NET_RAW, and the CNI plugin, which is a part of the node.
 * https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
 */
import { expect, test } from "bun:test";
import { injectPod } from "./inject/inject-pod.ts";
import { renderControlPlane } from "./install.ts";
import { testCerts, testContext, testIssuer, testValues } from "./testing/fixtures.ts";
import { highAvailabilityLayer } from "./values.ts";
import type { Json } from "./json.ts";

interface SecurityContext {
  privileged?: boolean;
  allowPrivilegeEscalation?: boolean;
  runAsNonRoot?: boolean;
  runAsUser?: number;
  capabilities?: { add?: string[]; drop?: string[] };
  seccompProfile?: { type: string };
}
interface Container {
  name: string;
  securityContext?: SecurityContext;
}
interface PodSpec {
  hostNetwork?: boolean;
  volumes?: Array<Record<string, unknown>>;
  initContainers?: Container[];
  containers: Container[];
}

/** What a pod has that "restricted" forbids. */
function offences(spec: PodSpec): string[] {
  const found: string[] = [];
  if (spec.hostNetwork === true) found.push("host network");
  const allowed = ["name", "configMap", "downwardAPI", "emptyDir", "projected", "secret"];
  for (const volume of spec.volumes ?? []) {
    for (const kind of Object.keys(volume)) if (!allowed.includes(kind)) found.push(`volume ${kind}`);
  }
  for (const { name, securityContext: context = {} } of [...(spec.initContainers ?? []), ...spec.containers]) {
    const wrong = (what: string, is: boolean): void => void (is && found.push(`${name}: ${what}`));
    wrong("privileged", context.privileged === true);
    wrong("may escalate", context.allowPrivilegeEscalation !== false);
    wrong("may be root", context.runAsNonRoot !== true || context.runAsUser === 0);
    wrong("keeps capabilities", context.capabilities?.drop?.includes("ALL") !== true);
    wrong("no seccomp profile", context.seccompProfile?.type !== "RuntimeDefault");
    for (const added of context.capabilities?.add ?? []) wrong(added, added !== "NET_BIND_SERVICE");
  }
  return found;
}

function controlPlanePods(...layers: Json[]): PodSpec[] {
  const options = { namespace: "linkerd", createdBy: "test", overrides: null };
  return renderControlPlane(testValues(testIssuer, ...layers), options)
    .filter(({ kind }) => kind === "Deployment")
    .map((manifest) => (manifest["spec"] as unknown as { template: { spec: PodSpec } }).template.spec);
}

const redirection = ["linkerd-init: NET_ADMIN", "linkerd-init: NET_RAW"];

test.each([
  ["by default", []],
  ["with high availability", [highAvailabilityLayer]],
  ["with certificates of one's own", [testCerts]],
  ["with ordinary sidecars", [{ proxy: { nativeSidecar: false } }]],
] as Array<[string, Json[]]>)("the control plane's pods %s are restricted but for the redirection", (_, layers) => {
  const pods = controlPlanePods(...layers);
  expect(pods).toHaveLength(3);
  for (const pod of pods) expect(offences(pod)).toEqual(redirection);
});

test("under the CNI plugin they are restricted without exception", () => {
  for (const pod of controlPlanePods({ cniEnabled: true })) expect(offences(pod)).toEqual([]);
});

function injected(values: Json): PodSpec {
  const result = injectPod({ spec: { containers: [] } }, testContext({ values: testValues(values) }));
  if (result.kind !== "injected") throw new Error("The pod was skipped");
  const spec: PodSpec = { containers: [], initContainers: [], volumes: [] };
  for (const step of result.patch) {
    const list = /^\/spec\/(volumes|initContainers|containers)\//.exec(step.path)?.[1] as keyof PodSpec | undefined;
    if (list !== undefined && step.op === "add") (spec[list] as unknown[]).push(step.value);
  }
  return spec;
}

test("so are the containers that injection adds", () => {
  expect(offences(injected({}))).toEqual(redirection);
  expect(offences(injected({ cniEnabled: true, proxy: { nativeSidecar: false } }))).toEqual([]);
});
