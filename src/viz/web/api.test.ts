import { expect, test } from "bun:test";
import { statFamilies, type StatPod } from "../metrics/stat.ts";
import { SampleStore } from "../metrics/store.ts";
import { StoreSource } from "../query/store-source.ts";
import { createPromApi } from "../promql/http-api.ts";
import { Storage } from "../promql/storage.ts";
import { createApi } from "./api.ts";

const pod: StatPod = {
  target: "n/web",
  namespace: "n",
  name: "web",
  meshed: true,
  running: true,
  status: "Running",
  labels: {},
  owners: new Map([["deployment", "web"]]),
};

function api(ready = true) {
  const store = new SampleStore({ families: statFamilies });
  return createApi({
    store,
    source: new StoreSource(store, () => 0),
    pods: () => [pod],
    ready: () => ready,
    prometheus: createPromApi({ storage: new Storage(store, () => 0), wall: () => 0, now: () => 0 }),
  });
}

const get = (path: string): Request => new Request(`http://localhost${path}`);

test("/api/stat answers rows", async () => {
  const answer = await api()(get("/api/stat?kind=deployment&namespace=n"));
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ rows: [{ name: "web", rps: null, meshed: { meshed: 1, total: 1 } }] });
});

test("a malformed query is a 400 that says why, an unknown path a 404, another method a 405", async () => {
  const bad = await api()(get("/api/stat?kind=gizmo"));
  expect([bad.status, await bad.json()]).toEqual([400, { error: 'Parameter "kind" has the unknown value "gizmo"' }]);
  expect((await api()(get("/nothing"))).status).toBe(404);
  expect((await api()(new Request("http://localhost/api/stat", { method: "POST" }))).status).toBe(405);
});

test("before the pods are known, statistics are unavailable rather than empty", async () => {
  expect((await api(false)(get("/api/stat?kind=deployment"))).status).toBe(503);
});
