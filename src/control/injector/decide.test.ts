import { expect, test } from "bun:test";
import { applyPatch, type Operation } from "fast-json-patch";
import { Registry } from "#lib/metrics/registry.ts";
import { text } from "#lib/metrics/text.ts";
import { Watchable } from "#lib/watchable.ts";
import type { KubeEvent } from "#kube/events.ts";
import type { AdmissionDecision, AdmissionRequest } from "#kube/types/admission.ts";
import { resolveValues } from "#manifests/values.ts";
import { decide } from "./decide.ts";
import { InjectorMetrics } from "./metrics.ts";

const web = { apiVersion: "apps/v1", kind: "Deployment", name: "web", uid: "1" };

function world(namespace: Record<string, string> = { "linkerd.io/inject": "enabled" }, owner: typeof web | null = web) {
  const registry = new Registry();
  const events: KubeEvent[] = [];
  const deps = {
    values: new Watchable(resolveValues({ linkerdVersion: "v1", identityTrustAnchorsPEM: "anchors" })),
    facts: { namespaceAnnotations: () => Promise.resolve(namespace), owner: () => Promise.resolve(owner) },
    metrics: new InjectorMetrics(registry),
    writeEvent: (event: KubeEvent) => events.push(event),
    controlPlaneNamespace: "linkerd",
    createdBy: "linkerd/proxy-injector v1",
  };
  const ask = (
    object: object | null,
    changes: Partial<AdmissionRequest> = {},
    kind = "Pod",
  ): Promise<AdmissionDecision> =>
    decide(
      {
        uid: "u",
        kind: { group: "", version: "v1", kind },
        resource: { group: "", version: "v1", resource: `${kind.toLowerCase()}s` },
        namespace: "emojivoto",
        operation: "CREATE",
        object: object as AdmissionRequest["object"],
        ...changes,
      },
      deps,
    );
  return { ask, events, metrics: () => text(registry) };
}

const pod = (annotations?: Record<string, string>, spec: object = {}) => ({
  metadata: { generateName: "web-abc-", ...(annotations === undefined ? {} : { annotations }) },
  spec: { containers: [{ name: "web", ports: [{ containerPort: 3306 }] }], ...spec },
});

function patched(object: object, decision: AdmissionDecision): unknown {
  if (!decision.allowed || decision.patch === undefined) throw new Error("no patch");
  return applyPatch(structuredClone(object), JSON.parse(JSON.stringify(decision.patch)) as Operation[], true)
    .newDocument;
}

test("a pod in an enabled namespace gets its proxy, its labels and an Event at its owner", async () => {
  const { ask, events, metrics } = world();
  const result = patched(pod(), await ask(pod()));
  expect(result).toMatchObject({
    metadata: {
      labels: {
        "linkerd.io/control-plane-ns": "linkerd",
        "linkerd.io/workload-ns": "emojivoto",
        "linkerd.io/proxy-deployment": "web",
      },
      annotations: { "linkerd.io/created-by": "linkerd/proxy-injector v1", "config.linkerd.io/opaque-ports": "3306" },
    },
    spec: { initContainers: [{ name: "linkerd-init" }, { name: "linkerd-proxy" }] },
  });
  expect(events).toEqual([
    {
      object: { ...web, namespace: "emojivoto" },
      type: "Normal",
      reason: "Injected",
      message: "Linkerd sidecar proxy injected",
    },
  ]);
  expect(metrics()).toContain(
    'proxy_inject_admission_responses_total{annotation_at="namespace",namespace="emojivoto",owner_kind="deployment",skip="false",skip_reason=""} 1',
  );
});

test("a skipped pod says why, in the Event and in the metric, and keeps its opaque ports", async () => {
  const { ask, events, metrics } = world();
  const skipped = pod({ "linkerd.io/inject": "disabled" }, { hostNetwork: true });
  expect(patched(skipped, await ask(skipped))).toEqual({
    ...skipped,
    metadata: {
      ...skipped.metadata,
      annotations: { "linkerd.io/inject": "disabled", "config.linkerd.io/opaque-ports": "3306" },
    },
  });
  expect(events[0]?.message).toBe(
    'Linkerd sidecar proxy injection skipped: hostNetwork is enabled, pod has the annotation "linkerd.io/inject:disabled"',
  );
  expect(metrics()).toContain('skip="true",skip_reason="host_network_enabled,injection_disable_annotation_present"} 1');
});

test("a bad annotation refuses the pod and says what to write", async () => {
  const { ask } = world();
  expect(await ask(pod({ "config.linkerd.io/default-inbound-policy": "open" }))).toEqual({
    allowed: false,
    code: 400,
    message:
      'Annotation "config.linkerd.io/default-inbound-policy" of deployment/web is "open"; allowed is one of "all-unauthenticated", "all-authenticated", "cluster-unauthenticated", "cluster-authenticated", "deny", "audit"',
  });
});

test("a dry run and a pod without an owner leave no Event", async () => {
  const dry = world();
  await dry.ask(pod(), { dryRun: true });
  expect(dry.events).toEqual([]);
  const bare = world({ "linkerd.io/inject": "enabled" }, null);
  const decision = await bare.ask(pod());
  expect(bare.events).toEqual([]);
  expect(Object.keys((patched(pod(), decision) as { metadata: { labels: object } }).metadata.labels)).toEqual([
    "linkerd.io/control-plane-ns",
    "linkerd.io/workload-ns",
  ]);
});

test("a Service gets its namespace's opaque ports, else those that are opaque by default", async () => {
  const service = {
    metadata: { name: "db" },
    spec: {
      ports: [
        { port: 80, targetPort: 5432 },
        { port: 3306, targetPort: 80 },
        { port: 25 },
        { port: 6379, targetPort: "redis" },
      ],
    },
  };
  const decision = await world().ask(service, {}, "Service");
  expect(patched(service, decision)).toMatchObject({
    metadata: { annotations: { "config.linkerd.io/opaque-ports": "80,25" } },
  });
  const inherited = await world({ "config.linkerd.io/opaque-ports": "7" }).ask(service, {}, "Service");
  expect(patched(service, inherited)).toMatchObject({
    metadata: { annotations: { "config.linkerd.io/opaque-ports": "7" } },
  });
  const own = { ...service, metadata: { annotations: { "config.linkerd.io/opaque-ports": "" } } };
  expect(await world().ask(own, {}, "Service")).toEqual({ allowed: true });
});

test("other kinds and operations pass untouched, and a request without an object is refused", async () => {
  const { ask } = world();
  expect(await ask(pod(), {}, "Secret")).toEqual({ allowed: true });
  expect(await ask(pod(), { operation: "UPDATE" })).toEqual({ allowed: true });
  expect(await ask(null)).toMatchObject({ allowed: false, code: 400 });
});
