import { expect, test } from "bun:test";
import { systemClock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import { memoryLog } from "#lib/log.ts";
import { systemRandom } from "#lib/random.ts";
import { until } from "#lib/watchable.ts";
import { KubeClient } from "#kube/client.ts";
import { resources } from "#kube/resource.ts";
import { FakeApi, failure } from "#kube/testing/fake-api.ts";
import { watchRemoval, whyWeStop } from "./ending.ts";

const own = { namespace: "linkerd-cni", name: "linkerd-cni" };
const there = { metadata: { name: "linkerd-cni" } };
const going = { metadata: { name: "linkerd-cni", deletionTimestamp: "2026-01-01T00:00:00Z" } };

test.each<[string, unknown, unknown, string]>([
  ["the DaemonSet is deleted", going, null, "removal"],
  ["its namespace is deleted", there, going, "removal"],
  ["the DaemonSet is gone", new MeshError("not-found", "no"), null, "removal"],
  ["the namespace is gone", there, new MeshError("not-found", "no"), "removal"],
  [
    "we may not ask of the DaemonSet but its namespace goes",
    new MeshError("permission-denied", "no"),
    going,
    "removal",
  ],
  ["only our pod is replaced", there, there, "pause"],
  ["our token is not valid", new MeshError("unauthenticated", "no"), new MeshError("unauthenticated", "no"), "pause"],
  ["our rights are gone", new MeshError("permission-denied", "no"), new MeshError("permission-denied", "no"), "pause"],
  ["the API server is away", new MeshError("unavailable", "no"), new MeshError("unavailable", "no"), "pause"],
])("When %s, it is told apart", async (_, daemonSet, namespace, kind) => {
  const client = {
    get: async <T>(resource: { plural: string }): Promise<T> => {
      const found = resource.plural === "daemonsets" ? daemonSet : namespace;
      if (found instanceof Error) throw found;
      return found as T;
    },
  };
  const ending = await whyWeStop(client, own);
  expect(ending.kind).toBe(kind as "removal");
  if (daemonSet instanceof Error && kind === "pause") expect(ending.reason).toContain("can't be asked");
});

test("An uninstallation that takes our rights first is heard of all the same", async () => {
  const api = new FakeApi();
  api.put(resources.namespaces, { metadata: { name: own.namespace } });
  api.put(resources.daemonSets, { metadata: own });
  const removal = watchRemoval(new KubeClient(api.access), own, {
    clock: systemClock,
    random: systemRandom,
    log: memoryLog().log,
  });
  while (api.openWatches < 2) await new Promise((resolve) => setImmediate(resolve));
  expect(removal.reason.get()).toBeNull();
  api.intercept = () => failure(403, "Forbidden", "no rights");
  api.remove(resources.daemonSets, own.name, own.namespace);
  expect(await until(removal.reason, (reason) => reason !== null)).toBe("the DaemonSet is gone");
  // Made anew, by an update that replaces it.
  api.put(resources.daemonSets, { metadata: own });
  await until(removal.reason, (reason) => reason === null);
  api.put(resources.namespaces, { metadata: { name: own.namespace, deletionTimestamp: "2026-01-01T00:00:00Z" } });
  expect(await until(removal.reason, (reason) => reason !== null)).toBe("the namespace is being deleted");
  removal.stop();
  await api.stop();
});
