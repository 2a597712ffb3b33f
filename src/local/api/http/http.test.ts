import { afterAll, beforeAll, expect, test } from "bun:test";
import type { KubeObject } from "../../store/object.ts";
import { Store } from "../../store/store.ts";
import { resources } from "../resource-ref.ts";
import { createServer } from "../testing/server.ts";
import type { ServerFixture } from "../testing/server.ts";
import { parseRoute } from "./route.ts";

let server: ServerFixture;
beforeAll(async () => {
  server = await createServer({ store: new Store({ history: 40 }) });
});
afterAll(() => server.listener.close());

const path = "/api/v1/namespaces/default/configmaps";
const config = (name: string, data: Record<string, string> = {}) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default" },
  data,
});
const put = (name: string, data: Record<string, string> = {}): Promise<KubeObject> =>
  server.api.client.create(resources.configMaps, config(name, data));

interface List {
  readonly metadata: {
    readonly resourceVersion: string;
    readonly continue?: string;
    readonly remainingItemCount?: number;
  };
  readonly items: readonly KubeObject[];
}

interface Event {
  readonly type: string;
  readonly object: KubeObject & {
    readonly code?: number;
    readonly rows?: unknown[];
    readonly columnDefinitions?: unknown[];
  };
}

/** The first `count` events of a watch. */
async function events(
  query: string,
  count: number,
  act: () => Promise<unknown> = async () => {},
  headers: Record<string, string> = {},
): Promise<Event[]> {
  const abort = new AbortController();
  const response = await server.request(`${path}?watch=true&${query}`, { signal: abort.signal, headers });
  await act();
  const found: Event[] = [];
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) if (line !== "") found.push(JSON.parse(line) as Event);
    if (found.length >= count) break;
  }
  abort.abort();
  return found;
}

async function json<T>(response: Promise<Response>): Promise<T> {
  return (await (await response).json()) as T;
}

test("pages of a list meet without gap or repeat", async () => {
  for (const name of ["p1", "p2", "p3", "p4", "p5"]) await put(name);
  const names: string[] = [];
  let token = "";
  do {
    const page = await json<List>(server.request(`${path}?limit=2&continue=${token}`));
    names.push(...page.items.map((item) => item.metadata.name));
    token = page.metadata.continue ?? "";
  } while (token !== "");
  expect(names).toEqual(["p1", "p2", "p3", "p4", "p5"]);
  expect((await server.request(`${path}?continue=nonsense`)).status).toBe(400);
});

test("a watch goes on from a list without losing a change", async () => {
  const list = await json<List>(server.request(path));
  await put("between");
  const found = await events(`resourceVersion=${list.metadata.resourceVersion}`, 2, () => put("after"));
  expect(found.map((event) => `${event.type} ${event.object.metadata.name}`)).toEqual(["ADDED between", "ADDED after"]);
});

test("a watch with nothing to say answers at once", async () => {
  const { revision } = server.store;
  const abort = new AbortController();
  const response = await server.request(`${path}?watch=true&resourceVersion=${revision}`, { signal: abort.signal });
  expect(response.status).toBe(200);
  abort.abort();
});

test("a watch from a compacted revision is told to list again", async () => {
  const first = server.store.revision;
  for (let i = 0; i < 80; i++)
    await server.api.client.patch(resources.configMaps, "default", "p1", { data: { i: String(i) } });
  const [event] = await events(`resourceVersion=${first}`, 1);
  expect(event).toMatchObject({ type: "ERROR", object: { code: 410, reason: "Expired" } });
});

test("a streamed list ends with a marked bookmark", async () => {
  const found = await events(
    "sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&fieldSelector=metadata.name%3Dp2",
    2,
  );
  expect(found[0]?.object.metadata.name).toBe("p2");
  expect(found[1]?.type).toBe("BOOKMARK");
  expect(found[1]?.object.metadata.annotations).toEqual({ "k8s.io/initial-events-end": "true" });
});

test("bookmarks come while nothing happens, and the watch ends when its time is over", async () => {
  const { revision } = server.store;
  const response = await server.request(
    `${path}?watch=true&resourceVersion=${revision}&allowWatchBookmarks=true&timeoutSeconds=90`,
  );
  server.clock.advance(61_000);
  server.clock.advance(60_000);
  const lines = (await response.text()).split("\n").filter((line) => line !== "");
  expect(lines.map((line) => (JSON.parse(line) as Event).type)).toEqual(["BOOKMARK"]);
});

test("a watched table has headings once", async () => {
  const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
  const found = await events(
    "fieldSelector=metadata.name%3Dp3",
    2,
    () => server.api.client.patch(resources.configMaps, "default", "p3", { data: { a: "1" } }),
    { accept },
  );
  expect(found.map((event) => event.object.columnDefinitions?.length)).toEqual([3, 0]);
});

test("a reader that stops reading is cut, and nothing else suffers", async () => {
  const { revision } = server.store;
  const abort = new AbortController();
  const slow = await server.request(`${path}?watch=true&resourceVersion=${revision}`, { signal: abort.signal });
  const reader = slow.body?.getReader();
  await reader?.read();
  const big = "x".repeat(900_000);
  for (let i = 0; i < 45; i++)
    await server.api.client.patch(resources.configMaps, "default", "p4", { data: { big: `${i}${big}` } });
  let total = 0;
  for (;;) {
    const part = await reader?.read();
    if (part === undefined || part.done) break;
    total += part.value.length;
  }
  // All 45 changes would be more than 40 MB.
  expect(total).toBeLessThan(40_000_000);
  expect((await server.request(path)).status).toBe(200);
}, 20_000);

test("unknown fields are an error, a warning or nothing, as the writer asks", async () => {
  const body = JSON.stringify({ ...config("odd"), bogus: 1 });
  const send = (validation: string): Promise<Response> =>
    server.request(`${path}?dryRun=All&fieldValidation=${validation}`, { method: "POST", body });
  const strict = await json<{ message: string; code: number }>(send("Strict"));
  expect(strict.code).toBe(400);
  expect(strict.message).toContain('strict decoding error: unknown field "bogus"');
  expect((await send("Warn")).headers.get("warning")).toBe('299 - "unknown field \\"bogus\\""');
  expect((await send("Ignore")).headers.get("warning")).toBeNull();
  expect((await server.request(`${path}/odd`)).status).toBe(404);
});

test("bodies that are too large or not JSON are refused", async () => {
  expect((await server.request(path, { method: "POST", body: "{" })).status).toBe(400);
  const large = await server.request(path, { method: "POST", body: "x".repeat(4 * 1024 * 1024) });
  expect(large.status).toBe(413);
});

test("what isn't served is 404, 405 or 501, each as a Status", async () => {
  const code = async (target: string, init: RequestInit = {}): Promise<number> => {
    const status = await json<{ kind: string; code: number }>(server.request(target, init));
    expect(status.kind).toBe("Status");
    return status.code;
  };
  expect(await code("/apis/nothing/v1/things")).toBe(404);
  expect(await code("/api/v1/namespaces/default/persistentvolumeclaims")).toBe(501);
  expect(await code(`${path}/p1/status`)).toBe(404);
  expect(await code(`${path}/p1`, { method: "POST", body: "{}" })).toBe(405);
  expect(await code("/api/v1/namespaces/default/services/a/proxy")).toBe(501);
});

test("a collection is deleted by selector", async () => {
  await server.api.client.create(resources.configMaps, {
    ...config("d1"),
    metadata: { name: "d1", namespace: "default", labels: { del: "yes" } },
  });
  expect((await server.request(`${path}?labelSelector=del%3Dyes`, { method: "DELETE" })).status).toBe(200);
  expect((await server.request(`${path}/d1`)).status).toBe(404);
  expect((await server.request(`${path}/p2`)).status).toBe(200);
});

test("paths tell namespace, resource, name and subresource", () => {
  const route = (method: string, target: string) => {
    const url = new URL(target, "http://x");
    return parseRoute(method, url.pathname, url.searchParams);
  };
  expect(route("GET", "/api/v1/namespaces/a/pods/b/log")).toMatchObject({
    verb: "get",
    namespace: "a",
    resource: "pods",
    name: "b",
    subresource: "log",
  });
  expect(route("GET", "/apis/apps/v1/deployments?watch=1")).toMatchObject({
    verb: "watch",
    group: "apps",
    namespace: "",
    resource: "deployments",
  });
  expect(route("PUT", "/api/v1/namespaces/a/finalize")).toMatchObject({
    verb: "update",
    resource: "namespaces",
    name: "a",
    subresource: "finalize",
  });
  expect(route("DELETE", "/api/v1/namespaces/a/pods")).toMatchObject({ verb: "deletecollection" });
  expect(route("GET", "/apis/apps/v1")).toMatchObject({ kind: "path" });
});

test("kubectl applies a List: it asks for the API's description in protobuf and finds no type to check by itself", async () => {
  const accept = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
  const response = await server.request("/openapi/v2?timeout=32s", { headers: { accept } });
  expect([response.status, response.headers.get("content-type")]).toEqual([200, accept.replace("@", ".")]);
  const bytes = Buffer.from(await response.arrayBuffer());
  // Field 1, a string of three bytes: the version of the format; then field 2, the information about the API.
  expect(bytes.subarray(0, 6).toString("latin1")).toBe("\x0a\x032.0\x12");
  expect(bytes[6]).toBe(bytes.length - 7);
});
