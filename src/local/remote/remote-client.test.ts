import { afterEach, beforeEach, expect, test } from "bun:test";
import { systemClock } from "#lib/clock.ts";
import { memoryLog } from "#lib/log.ts";
import { seededRandom } from "#lib/random.ts";
import { KubeClient } from "#kube/client.ts";
import { resources as kubeResources } from "#kube/resource.ts";
import { failure, FakeApi } from "#kube/testing/fake-api.ts";
import { resources } from "../api/resource-ref.ts";
import { isStatus } from "../api/status-error.ts";
import { RemoteClient } from "./remote-client.ts";

let api: FakeApi;
let client: RemoteClient;

const pod = (name: string, nodeName: string): { metadata: { name: string; namespace: string }; spec: object } => ({
  metadata: { name, namespace: "default" },
  spec: { nodeName },
});

beforeEach(async () => {
  api = new FakeApi();
  api.put(kubeResources.services, { metadata: { name: "web", namespace: "default" } });
  api.put(kubeResources.pods, pod("one", "local"));
  const { log } = memoryLog();
  client = new RemoteClient(
    { client: new KubeClient(api.access), clock: systemClock, random: seededRandom(1), log },
    "local",
  );
  await client.ready();
});

afterEach(async () => {
  client.stop();
  await api.stop();
});

test("What the server has is read without asking it", () => {
  const before = api.requests.length;
  expect(client.get(resources.services, "default", "web")?.metadata.name).toBe("web");
  expect(client.get(resources.services, "default", "none")).toBeNull();
  expect(client.list(resources.pods).map(({ metadata }) => metadata.name)).toEqual(["one"]);
  expect(api.requests).toHaveLength(before);
});

test("The server is asked for this node's pods only", () => {
  const lists = api.requests.filter((request) => request.includes("/pods?"));
  expect(lists.length).toBeGreaterThan(0);
  for (const request of lists) expect(decodeURIComponent(request)).toContain("fieldSelector=spec.nodeName=local");
});

test("A watch tells what there is, then every change with what was before", async () => {
  const told: string[] = [];
  const changed = Promise.withResolvers<void>();
  const stop = client.watch(resources.services, {}, ({ type, object, previous }) => {
    told.push(`${type} ${object.metadata.name} ${previous === null ? "new" : "known"}`);
    if (told.length === 4) changed.resolve();
  });
  expect(told).toEqual(["ADDED web new"]);
  api.put(kubeResources.services, { metadata: { name: "api", namespace: "default" } });
  api.put(kubeResources.services, { metadata: { name: "api", namespace: "default", labels: { a: "b" } } });
  api.remove(kubeResources.services, "web", "default");
  await changed.promise;
  expect(told.slice(1)).toEqual(["ADDED api new", "MODIFIED api known", "DELETED web known"]);
  stop();
});

test("Refusals are those that the node knows from its own API server", async () => {
  api.intercept = (request) =>
    request.method === "POST" ? failure(409, "AlreadyExists", 'nodes "local" already exists') : null;
  const object = { apiVersion: "v1", kind: "Node", metadata: { name: "local" } };
  const thrown: unknown = await client.create(resources.nodes, object).catch((error: unknown) => error);
  expect(isStatus(thrown, "AlreadyExists")).toBe(true);
});

test("A token is asked for the pod that it is for", async () => {
  let body: unknown = null;
  api.intercept = async (request, url) => {
    if (!url.pathname.endsWith("/serviceaccounts/web/token")) return null;
    body = await request.json();
    return Response.json({ status: { token: "t", expirationTimestamp: "2026-01-01T00:00:00Z" } });
  };
  const options = { audiences: ["a"], lifetime: 600, pod: { name: "one", uid: "u" } };
  expect(await client.createToken("default", "web", options)).toEqual({ token: "t", expires: Date.UTC(2026, 0, 1) });
  expect(body).toMatchObject({
    spec: { audiences: ["a"], expirationSeconds: 600, boundObjectRef: { kind: "Pod", name: "one", uid: "u" } },
  });
});
