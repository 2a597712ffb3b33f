import { expect, test } from "bun:test";
import type { Pod } from "#kube/types/core.ts";
import { scrapedPod } from "./pods.ts";

const pod = (over: { metadata?: object; spec?: object; status?: object } = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web-5d9c-x", namespace: "n", uid: "u", ...over.metadata },
  spec: {
    containers: [{ name: "app" }],
    initContainers: [{ name: "linkerd-proxy", ports: [{ name: "linkerd-admin", containerPort: 14191 }] }],
    ...over.spec,
  },
  status: { phase: "Running", podIP: "10.0.0.1", ...over.status },
});

test("a meshed, running pod is scraped at its admin port", () => {
  expect(scrapedPod(pod()).scrape).toEqual({ ip: "10.0.0.1", port: 14191 });
});

test("a pod without proxy, without address or on its way out is not scraped", () => {
  expect(scrapedPod(pod({ spec: { initContainers: [] } })).scrape).toBeNull();
  expect(scrapedPod(pod({ status: { phase: "Pending", podIP: "10.0.0.1" } })).scrape).toBeNull();
  const leaving = scrapedPod(pod({ metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } }));
  expect([leaving.scrape, leaving.status, leaving.running]).toEqual([null, "Terminating", false]);
});

test("the deployment of an unmeshed pod is found by its ReplicaSet and the template hash", () => {
  const owners = scrapedPod(
    pod({
      metadata: {
        labels: { "pod-template-hash": "5d9c" },
        ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: "web-5d9c", uid: "u", controller: true }],
      },
    }),
  ).owners;
  expect([...owners]).toEqual([
    ["replicaset", "web-5d9c"],
    ["deployment", "web"],
  ]);
});

test("a waiting container's reason is the pod's status", () => {
  const status = {
    phase: "Running",
    containerStatuses: [{ name: "app", ready: false, state: { waiting: { reason: "CrashLoopBackOff" } } }],
  };
  expect(scrapedPod(pod({ status })).status).toBe("CrashLoopBackOff");
});
