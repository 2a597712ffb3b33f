import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { MeshError } from "#lib/errors.ts";
import { KubeClient } from "./client.ts";
import { resources } from "./resource.ts";
import { FakeApi, failure } from "./testing/fake-api.ts";
import type { Secret } from "./types/core.ts";

const { secrets, pods } = resources;
let api: FakeApi;
let client: KubeClient;

beforeEach(() => {
  api = new FakeApi();
  client = new KubeClient(api.access);
});
afterEach(() => api.stop());

async function errorOf(run: Promise<unknown>): Promise<MeshError> {
  try {
    await run;
  } catch (thrown) {
    if (thrown instanceof MeshError) return thrown;
    throw thrown;
  }
  throw new Error("nothing was thrown");
}

const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "issuer", namespace: "linkerd" } };

describe("KubeClient", () => {
  test("creates, reads, replaces, patches, applies and deletes", async () => {
    await client.create(secrets, { ...secret, data: { a: "MQ==" } });
    const read = await client.get<Secret>(secrets, "issuer", "linkerd");
    expect(read.data).toEqual({ a: "MQ==" });
    await client.replace(secrets, { ...read, data: { a: "Mg==" } });
    await client.patch(secrets, { name: "issuer", namespace: "linkerd" }, "merge", { data: { b: "Mw==" } });
    await client.apply(secrets, { ...secret, data: { c: "NA==" } });
    expect((await client.get<Secret>(secrets, "issuer", "linkerd")).data).toEqual({ a: "Mg==", b: "Mw==", c: "NA==" });
    await client.delete(secrets, "issuer", "linkerd");
    expect(await client.find(secrets, "issuer", "linkerd")).toBe(null);
    expect(api.requests).toContain("PATCH /api/v1/namespaces/linkerd/secrets/issuer?fieldManager=linkerd&force=true");
  });

  test("lists page by page", async () => {
    for (let i = 0; i < 1201; i++) api.put(pods, { metadata: { name: `p${i}`, namespace: "web" } });
    const { items } = await client.list(pods, { namespace: "web", labelSelector: "app=web" });
    expect(items.length).toBe(1201);
    expect(api.requests.length).toBe(3);
    expect(api.requests[0]).toBe("GET /api/v1/namespaces/web/pods?labelSelector=app%3Dweb&limit=500");
  });

  test.each([
    ["once: begins again", 1, "GET /api/v1/pods?limit=500&continue="],
    ["again and again: lists all at once", Infinity, "GET /api/v1/pods"],
  ])("when the position expires between two pages %s", async (_how, times, last) => {
    for (let i = 0; i < 600; i++) api.put(pods, { metadata: { name: `p${i}`, namespace: "web" } });
    let expired = 0;
    api.intercept = (_request, url) => {
      if (url.searchParams.has("continue") && expired++ < times) {
        api.put(pods, { metadata: { name: "p0", namespace: "web" } });
        api.compact();
      }
      return null;
    };
    expect((await client.list(pods)).items.length).toBe(600);
    const asked = api.requests.at(-1) ?? "";
    expect(last.endsWith("=") ? asked.slice(0, last.length) : asked).toBe(last);
  });

  test("collects what long lists leave while they are read", async () => {
    let collections = 0;
    const collecting = new KubeClient(api.access, { collect: { after: 32_000, run: () => void collections++ } });
    const annotations = { filling: "x".repeat(70) };
    for (let i = 0; i < 1100; i++) api.put(pods, { metadata: { name: `p${i}`, namespace: "web", annotations } });
    const { items } = await collecting.list(pods, {}, ({ metadata: { name } }) => ({ metadata: { name } }));
    expect(items.length).toBe(1100);
    expect(collections).toBe(2);
  });

  test("a missing object is named with its kind and namespace", async () => {
    const error = await errorOf(client.get(secrets, "issuer", "linkerd"));
    expect(error.code).toBe("not-found");
    expect(error.message).toBe('Failed to get Secret "issuer" in namespace "linkerd": secrets "issuer" not found');
  });

  test.each([
    [400, "BadRequest", "invalid-argument"],
    [401, "Unauthorized", "unauthenticated"],
    [403, "Forbidden", "permission-denied"],
    [409, "Conflict", "conflict"],
    [422, "Invalid", "invalid-argument"],
    [429, "TooManyRequests", "resource-exhausted"],
    [500, "InternalError", "unavailable"],
    [504, "Timeout", "timeout"],
  ] as const)("status %i becomes the right error code", async (status, reason, code) => {
    api.intercept = () => failure(status, reason, "because");
    const error = await errorOf(client.list(pods));
    expect(error.code).toBe(code);
    expect(error.message).toBe("Failed to list pods: because");
  });

  test("an answer that is no Status is quoted", async () => {
    api.intercept = () => new Response("<h1>Bad   gateway</h1>", { status: 502 });
    expect((await errorOf(client.list(pods))).message).toBe("Failed to list pods: <h1>Bad gateway</h1>");
  });

  test("a server that is not there is named", async () => {
    await api.stop();
    const error = await errorOf(client.version());
    expect(error.code).toBe("connection-refused");
    expect(error.message).toContain(`the API server at "${client.access.server}" refused the connection`);
  });

  test("a 401 is tried once more with fresh credentials", async () => {
    let token = "old";
    const seen: Array<string | null> = [];
    api.intercept = (request) => {
      seen.push(request.headers.get("authorization"));
      return request.headers.get("authorization") === "Bearer new" ? null : failure(401, "Unauthorized", "expired");
    };
    const credentials = {
      get: () => Promise.resolve({ token }),
      invalidate: () => {
        token = "new";
        return true;
      },
    };
    await new KubeClient({ ...api.access, credentials }).version();
    expect(seen).toEqual(["Bearer old", "Bearer new"]);
  });

  test("impersonates a user", async () => {
    let headers = new Headers();
    api.intercept = (request) => {
      headers = request.headers;
      return null;
    };
    await new KubeClient({ ...api.access, impersonate: { user: "jane", groups: ["dev"] } }).version();
    expect(headers.get("impersonate-user")).toBe("jane");
    expect(headers.get("impersonate-group")).toBe("dev");
  });
});
