import { expect, test } from "bun:test";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { MeshError } from "#lib/errors.ts";
import { memoryLog } from "#lib/log.ts";
import { createDashboard } from "./dashboard.ts";
import { createHostGuard, defaultHosts } from "./host-guard.ts";
import type { View } from "./view.ts";

const overview: View = { view: "overview", time: 1, window: 60_000, scraped: { fresh: 0, pods: 0 }, workloads: [] };

function setUp(view: () => View = () => overview, streamLimit?: number) {
  const kept: string[] = [];
  const dashboard = createDashboard({
    pages: { html: "<!doctype html>page", script: "script()", style: "a{}", icon: "<svg/>" },
    guard: createHostGuard(defaultHosts("linkerd-viz", "cluster.local"), null),
    clock: new FakeClock(),
    log: memoryLog().log,
    view,
    tap: async function* (request, signal) {
      yield { tapping: { proxies: 1, pods: 1 } };
      if (request.resource.name === "forbidden") throw new MeshError("permission-denied", "You may not tap it");
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    },
    ...(streamLimit === undefined ? {} : { streamLimit }),
  });
  const get = (path: string, init: RequestInit & { headers?: Record<string, string> } = {}): Response =>
    dashboard.answer(
      new Request(`http://localhost:50750${path}`, { ...init, headers: { host: "localhost:50750", ...init.headers } }),
      () => kept.push(path),
    );
  return { dashboard, get, kept };
}

const paths = [
  "/",
  "/namespaces/a/deployments/b",
  "/assets/main.js",
  "/api/view/overview",
  "/api/live/overview",
  "/nope",
];

test("every path refuses a host that is not ours, whatever the method", () => {
  const { get } = setUp();
  for (const path of paths) {
    for (const method of ["GET", "HEAD", "POST"]) {
      expect(get(path, { method, headers: { host: "evil.com" } }).status).toBe(403);
    }
  }
});

test("every answer forbids inline script, framing and sniffing", () => {
  const { get } = setUp();
  for (const path of [...paths, "/api/view/gizmo", "/api/live/workload"]) {
    for (const host of ["localhost:50750", "evil.com"]) {
      const { headers } = get(path, { headers: { host } });
      const policy = headers.get("content-security-policy") ?? "";
      expect([path, policy.includes("default-src 'none'"), policy.includes("unsafe")]).toEqual([path, true, false]);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("x-frame-options")).toBe("DENY");
      expect(headers.get("access-control-allow-origin")).toBeNull();
    }
  }
});

test("nothing can be written", () => {
  const { get } = setUp();
  for (const path of paths) {
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
      expect([path, method, get(path, { method }).status]).toEqual([path, method, 405]);
    }
  }
  expect(get("/api/live/overview", { method: "HEAD" }).status).toBe(405);
});

test("data and streams are refused to pages of other origins, pages are not", () => {
  const { get } = setUp();
  for (const headers of [{ origin: "http://evil.com" }, { "sec-fetch-site": "cross-site" }]) {
    expect(get("/api/live/overview", { headers }).status).toBe(403);
    expect(get("/api/view/overview", { headers }).status).toBe(403);
  }
  expect(get("/", { headers: { "sec-fetch-site": "cross-site" } }).status).toBe(200);
});

test("a page is the same file under every path of pages, and 404 under others", async () => {
  const { get } = setUp();
  for (const path of ["/", "/namespaces", "/topology?namespace=a", "/namespaces/%3Cscript%3E/deployments/b"]) {
    const answer = get(path);
    expect([path, answer.status, await answer.text()]).toEqual([path, 200, "<!doctype html>page"]);
  }
  expect(get("/nope").status).toBe(404);
  expect(get("/assets/nope.js").status).toBe(404);
});

test("files are compressed for who takes it and known by their content", () => {
  const { get } = setUp();
  const first = get("/assets/main.js", { headers: { "accept-encoding": "gzip, br" } });
  expect([first.headers.get("content-encoding"), first.headers.get("content-type")]).toEqual([
    "gzip",
    "text/javascript; charset=utf-8",
  ]);
  const etag = first.headers.get("etag") ?? "";
  expect(get("/assets/main.js", { headers: { "if-none-match": etag } }).status).toBe(304);
});

test("a view comes as JSON, a stream as events that may stay open", async () => {
  const { get, kept, dashboard } = setUp();
  expect(await get("/api/view/overview").json()).toEqual(overview as never);
  const stream = get("/api/live/overview");
  expect([stream.headers.get("content-type"), kept]).toEqual(["text/event-stream", ["/api/live/overview"]]);
  dashboard.stop();
  expect(await stream.text()).toContain(`data: ${JSON.stringify(overview)}\n\n`);
});

test("a view that can't be made says why, as status and on the stream", async () => {
  const { get, dashboard } = setUp(() => {
    throw new MeshError("unavailable", "The pods are not known yet");
  });
  const answer = get("/api/view/overview");
  expect([answer.status, await answer.json()]).toEqual([503, { error: "The pods are not known yet" }]);
  const stream = get("/api/live/overview");
  dashboard.stop();
  expect(await stream.text()).toContain('data: {"view":"failure","error":"The pods are not known yet"}');
});

test("a tap is a stream that tells why it ended; more than eight at once are refused", async () => {
  const { get, kept } = setUp();
  const refused = get("/api/tap?namespace=n&kind=deploy&name=forbidden");
  expect([refused.status, await refused.text()]).toEqual([
    200,
    'data: {"rows":[],"dropped":0,"proxies":1,"error":"You may not tap it"}\n\n',
  ]);
  expect(get("/api/tap?namespace=n&kind=gizmo&name=a").status).toBe(400);
  expect(get("/api/tap?namespace=n&kind=deploy", { headers: { origin: "http://evil.com" } }).status).toBe(403);
  const streams = Array.from({ length: 8 }, () => get("/api/tap?namespace=n&kind=deploy&name=web"));
  expect(streams.map(({ status }) => status)).toEqual(Array<number>(8).fill(200));
  expect(get("/api/tap?namespace=n&kind=deploy&name=web").status).toBe(503);
  expect(kept).toHaveLength(9);
  await Promise.all(streams.map((stream) => stream.body?.cancel()));
  expect(get("/api/tap?namespace=n&kind=deploy&name=web").status).toBe(200);
});

test("malformed questions are 400, unknown views 404, too many streams 503", () => {
  const { get, dashboard } = setUp(() => overview, 1);
  expect(get("/api/view/workload?namespace=a").status).toBe(400);
  expect(get(`/api/view/workload?namespace=a&kind=b&name=${"x".repeat(400)}`).status).toBe(400);
  expect(get("/api/view/gizmo").status).toBe(404);
  expect(get("/api/gizmo/overview").status).toBe(404);
  expect(get("/api/live/overview").status).toBe(200);
  expect(get("/api/live/overview").status).toBe(503);
  dashboard.stop();
});
