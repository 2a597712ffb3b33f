import { expect, test } from "bun:test";
import type { PodSpec } from "./pod.ts";
import { decideInjection, hasSidecar, type Decision } from "./skip.ts";

function decide(pod: string, namespace: string, origin: "webhook" | "cli" = "webhook", spec: PodSpec = {}): Decision {
  const annotation = (value: string): Record<string, string> => (value === "" ? {} : { "linkerd.io/inject": value });
  return decideInjection(
    { metadata: { annotations: annotation(pod) }, spec },
    { namespaceAnnotations: annotation(namespace), origin, tokenProjection: true },
  );
}

test("the truth table of the inject annotation", () => {
  const cases: Array<[origin: "webhook" | "cli", namespace: string, pod: string, result: string]> = [
    ["webhook", "enabled", "enabled", "workload"],
    ["webhook", "enabled", "", "namespace"],
    ["webhook", "enabled", "disabled", "injection_disable_annotation_present"],
    ["webhook", "disabled", "enabled", "workload"],
    ["webhook", "", "enabled", "workload"],
    ["webhook", "disabled", "disabled", "injection_disable_annotation_present"],
    ["webhook", "", "disabled", "injection_disable_annotation_present"],
    ["webhook", "disabled", "", "injection_enable_annotation_absent"],
    ["webhook", "", "", "injection_enable_annotation_absent"],
    ["webhook", "ingress", "", "namespace"],
    ["webhook", "yes", "enabled", "invalid_inject_annotation_at_ns"],
    ["webhook", "enabled", "true", "invalid_inject_annotation_at_workload"],
    ["cli", "", "enabled", "workload"],
    ["cli", "", "", "null"],
    ["cli", "", "disabled", "injection_disable_annotation_present"],
  ];
  for (const [origin, namespace, pod, result] of cases) {
    const decision = decide(pod, namespace, origin);
    const got = decision.skip.length > 0 ? decision.skip.join() : String(decision.decidedAt);
    expect([origin, namespace, pod, got]).toEqual([origin, namespace, pod, result]);
  }
});

test("pods on the host's network and pods with a proxy are skipped, with every reason", () => {
  const { skip } = decide("enabled", "", "webhook", { hostNetwork: true, containers: [{ name: "istio-proxy" }] });
  expect(skip).toEqual(["host_network_enabled", "sidecar_already_exists"]);
});

test("a token that isn't mounted matters only without projected tokens", () => {
  const pod = {
    metadata: { annotations: { "linkerd.io/inject": "enabled" } },
    spec: { automountServiceAccountToken: false },
  };
  const context = { namespaceAnnotations: {}, origin: "webhook" } as const;
  expect(decideInjection(pod, { ...context, tokenProjection: true }).skip).toEqual([]);
  expect(decideInjection(pod, { ...context, tokenProjection: false }).skip).toEqual([
    "disabled_automount_service_account_token_account",
  ]);
});

test("sidecars are known by name or image, as native ones too", () => {
  expect(hasSidecar({ initContainers: [{ name: "linkerd-proxy" }] })).toBe(true);
  expect(hasSidecar({ initContainers: [{ name: "x", image: "cr.l5d.io/linkerd/proxy-init:v2" }] })).toBe(true);
  expect(hasSidecar({ containers: [{ name: "x", image: "cr.l5d.io/linkerd/proxy:v2" }] })).toBe(true);
  expect(hasSidecar({ containers: [{ name: "web", image: "example.com/linkerd/proxy:v2" }] })).toBe(false);
});
