import { describe, expect, test } from "bun:test";
import { stat, statFamilies, type StatPod } from "./stat.ts";
import { SampleStore } from "./store.ts";

function pod(name: string, deployment: string, over: Partial<StatPod> = {}): StatPod {
  return {
    target: name,
    namespace: "emojivoto",
    name,
    meshed: true,
    running: true,
    status: "Running",
    labels: { app: deployment },
    owners: new Map([["deployment", deployment]]),
    ...over,
  };
}

/** A store in which `web` answered 90 of 100 requests well and sent 100 to voting, in 10 s. */
function store(): SampleStore {
  const samples = new SampleStore({ families: statFamilies });
  const scrape = (n: number): string =>
    [
      `response_total{direction="inbound",classification="success"} ${n * 90}`,
      `response_total{direction="inbound",classification="failure"} ${n * 10}`,
      `response_latency_ms_bucket{direction="inbound",le="1"} ${n * 50}`,
      `response_latency_ms_bucket{direction="inbound",le="2"} ${n * 100}`,
      `response_latency_ms_bucket{direction="inbound",le="+Inf"} ${n * 100}`,
      `response_total{direction="outbound",authority="voting:8080",dst_namespace="emojivoto",dst_deployment="voting",dst_service="voting",classification="success"} ${n * 100}`,
      `tcp_open_connections{direction="inbound",peer="src"} 3`,
      `tcp_open_connections{direction="inbound",peer="dst"} 9`,
    ].join("\n");
  samples.add("web-1", 0, scrape(0));
  samples.add("web-1", 10_000, scrape(1));
  return samples;
}

const pods = [pod("web-1", "web"), pod("voting-1", "voting"), pod("bare-1", "bare", { meshed: false })];
const window = 60_000;

describe("stat()", () => {
  test("sees a deployment by its inbound traffic", () => {
    const rows = stat(
      { resource: { kind: "deployment", namespace: "emojivoto", name: "web" }, window },
      pods,
      store(),
      10_000,
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ name: "web", success: 0.9, rps: 10, p50: 1, tcpOpenConnections: 3 });
    expect(rows[0]?.p95).toBeCloseTo(1.9, 10);
    expect(rows[0]?.meshed).toEqual({ meshed: 1, total: 1 });
  });

  test("lists meshed resources without traffic, and unmeshed ones only when asked", () => {
    const resource = { kind: "deployment", namespace: "emojivoto", name: null } as const;
    expect(stat({ resource, window }, pods, store(), 10_000).map((row) => row.name)).toEqual(["voting", "web"]);
    const everything = stat({ resource, window, unmeshed: true }, pods, store(), 10_000);
    expect(everything.map((row) => row.name)).toEqual(["bare", "voting", "web"]);
    expect(everything[1]?.rps).toBeNull();
  });

  test("--to limits a resource's outbound traffic to the target", () => {
    const resource = { kind: "deployment", namespace: "emojivoto", name: "web" } as const;
    const to = { kind: "deployment", namespace: "emojivoto", name: "voting" } as const;
    expect(stat({ resource, to, window }, pods, store(), 10_000)[0]).toMatchObject({ success: 1, rps: 10 });
    const none = stat({ resource, to: { ...to, name: "emoji" }, window }, pods, store(), 10_000);
    expect(none[0]?.rps).toBeNull();
  });

  test("--from shows a resource as its client sees it", () => {
    const resource = { kind: "deployment", namespace: "emojivoto", name: "voting" } as const;
    const from = { kind: "deployment", namespace: "emojivoto", name: "web" } as const;
    expect(stat({ resource, from, window }, pods, store(), 10_000)[0]).toMatchObject({ name: "voting", rps: 10 });
  });

  test("services and authorities are seen by their clients", () => {
    const service = stat(
      { resource: { kind: "service", namespace: "emojivoto", name: null }, window },
      pods,
      store(),
      10_000,
    );
    expect(service[0]).toMatchObject({ name: "voting", rps: 10, meshed: null, tcpOpenConnections: null });
    const authority = stat(
      { resource: { kind: "authority", namespace: "emojivoto", name: null }, window },
      pods,
      store(),
      10_000,
    );
    expect(authority[0]).toMatchObject({ name: "voting:8080", rps: 10 });
  });

  test("a label selector narrows the pods", () => {
    const rows = stat(
      {
        resource: { kind: "deployment", namespace: null, name: null },
        window,
        selects: (labels) => labels["app"] === "web",
      },
      pods,
      store(),
      10_000,
    );
    expect(rows.map((row) => row.name)).toEqual(["web"]);
  });

  test("pods carry their status and namespaces add up their pods", () => {
    const podRows = stat(
      { resource: { kind: "pod", namespace: "emojivoto", name: "web-1" }, window },
      pods,
      store(),
      10_000,
    );
    expect(podRows[0]?.status).toBe("Running");
    const rows = stat(
      { resource: { kind: "namespace", namespace: null, name: "emojivoto" }, window },
      pods,
      store(),
      10_000,
    );
    expect(rows[0]).toMatchObject({ name: "emojivoto", rps: 10, meshed: { meshed: 2, total: 3 } });
  });
});
