import { afterEach, expect, test } from "bun:test";
import { memoryLog } from "#lib/log.ts";
import { seededRandom } from "#lib/random.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { until } from "#lib/watchable.ts";
import { KubeClient } from "#kube/client.ts";
import { resources } from "#kube/resource.ts";
import { FakeApi } from "#kube/testing/fake-api.ts";
import type { OwnerReference } from "#kube/types/meta.ts";
import { WatchedFacts } from "./cluster-facts.ts";

const ends: Array<() => unknown> = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

const reference = (apiVersion: string, kind: string, name: string): OwnerReference => ({
  apiVersion,
  kind,
  name,
  uid: name,
  controller: true,
});
const metadata = (name: string, ownerReferences: OwnerReference[] = []) => ({
  name,
  namespace: "emojivoto",
  ownerReferences,
});

async function world() {
  const api = new FakeApi();
  ends.push(() => api.stop());
  api.put(resources.namespaces, { metadata: { name: "emojivoto", annotations: { "linkerd.io/inject": "enabled" } } });
  api.put(resources.replicaSets, { metadata: metadata("web-abc", [reference("apps/v1", "Deployment", "web")]) });
  api.put(resources.jobs, { metadata: metadata("nightly-1", [reference("batch/v1", "CronJob", "nightly")]) });
  api.put(resources.jobs, { metadata: metadata("once") });
  const facts = new WatchedFacts(new KubeClient(api.access), {
    clock: new FakeClock(),
    random: seededRandom(1),
    log: memoryLog().log,
  });
  ends.push(() => facts.watches.map((watch) => watch.stop()));
  await Promise.all(facts.watches.map(({ listed }) => until(listed, Boolean)));
  return { api, facts };
}

test("owners are found to the top of the chain without asking", async () => {
  const { api, facts } = await world();
  const before = api.requests.length;
  const owner = async (ref: OwnerReference) => {
    const found = await facts.owner("emojivoto", [ref]);
    return `${found?.kind}/${found?.name}`;
  };
  expect(await owner(reference("apps/v1", "ReplicaSet", "web-abc"))).toBe("Deployment/web");
  expect(await owner(reference("batch/v1", "Job", "nightly-1"))).toBe("CronJob/nightly");
  expect(await owner(reference("batch/v1", "Job", "once"))).toBe("Job/once");
  expect(await owner(reference("apps/v1", "StatefulSet", "db"))).toBe("StatefulSet/db");
  expect(await facts.owner("emojivoto", undefined)).toBeNull();
  expect(await facts.namespaceAnnotations("emojivoto")).toEqual({ "linkerd.io/inject": "enabled" });
  expect(api.requests.slice(before).filter((request) => !request.includes("watch="))).toEqual([]);
});

test("what the watches have not brought yet is asked for, and an owner that can't be found is the nearest one", async () => {
  const { api, facts } = await world();
  const gone = await facts.owner("emojivoto", [reference("apps/v1", "ReplicaSet", "gone-abc")]);
  expect(gone).toMatchObject({ kind: "ReplicaSet", name: "gone-abc" });
  api.intercept = (_request, url) =>
    url.pathname.endsWith("/namespaces/new")
      ? Response.json({ metadata: { name: "new", annotations: { a: "b" } } })
      : null;
  expect(await facts.namespaceAnnotations("new")).toEqual({ a: "b" });
  api.intercept = () => null;
  await expect(facts.namespaceAnnotations("missing")).rejects.toThrow("missing");
});
