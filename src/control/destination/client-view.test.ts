import { describe, expect, test } from "bun:test";
import { endpointFor, pod, service, slice } from "../testing/builders.ts";
import { TestCluster } from "../testing/test-cluster.ts";
import { type ClientPlace, viewChange, viewFor } from "./client-view.ts";
import { watchEndpoints } from "./endpoint-set.ts";

const near = pod({ name: "near", ip: "10.0.0.1", node: "node-a" });
const far = pod({ name: "far", ip: "10.0.0.2", node: "node-b" });

function view(client: ClientPlace, options: { nodeLocal?: boolean; hints?: [string[], string[]] }): string[] {
  const hint = (zones: string[]): object =>
    zones.length === 0 ? {} : { hints: { forZones: zones.map((name) => ({ name })) } };
  const [a, b] = options.hints ?? [[], []];
  const cluster = new TestCluster()
    .services(service({ name: "api", ...(options.nodeLocal === true ? { nodeLocal: true } : {}) }))
    .pods(near, far)
    .slices(slice({ service: "api", endpoints: [endpointFor(near, hint(a)), endpointFor(far, hint(b))] }));
  const query = { namespace: "web", service: "api", port: 80, hostname: null };
  const set = watchEndpoints(cluster.index, cluster.settings, query).value.get();
  return [...viewFor(set, client).values()].map((endpoint) => endpoint.pod?.name ?? "");
}

describe("viewFor", () => {
  test("internalTrafficPolicy Local keeps the client's own node, and everything for a client from nowhere", () => {
    expect(view({ node: "node-b", zone: "" }, { nodeLocal: true })).toEqual(["far"]);
    expect(view({ node: "node-c", zone: "" }, { nodeLocal: true })).toEqual([]);
    expect(view({ node: "", zone: "" }, { nodeLocal: true })).toEqual(["near", "far"]);
  });

  test("zone hints count when every endpoint has them and some are for the client's zone", () => {
    expect(view({ node: "", zone: "z1" }, { hints: [["z1"], ["z2", "z3"]] })).toEqual(["near"]);
    expect(view({ node: "", zone: "z3" }, { hints: [["z1"], ["z2", "z3"]] })).toEqual(["far"]);
    expect(view({ node: "", zone: "z9" }, { hints: [["z1"], ["z2"]] })).toEqual(["near", "far"]);
    expect(view({ node: "", zone: "z1" }, { hints: [["z1"], []] })).toEqual(["near", "far"]);
    expect(view({ node: "", zone: "" }, { hints: [["z1"], ["z2"]] })).toEqual(["near", "far"]);
  });
});

describe("viewChange", () => {
  test("adds what is new or other, removes what is gone", () => {
    const cluster = new TestCluster().services(service({ name: "api" })).pods(near, far);
    const query = { namespace: "web", service: "api", port: 80, hostname: null };
    cluster.slices(slice({ service: "api", endpoints: [endpointFor(near), endpointFor(far)] }));
    const { value } = watchEndpoints(cluster.index, cluster.settings, query);
    const first = value.get().endpoints;
    expect(viewChange(new Map(), first).add.length).toBe(2);
    cluster.pods(pod({ name: "near", ip: "10.0.0.1", node: "node-a", labels: { "pod-template-hash": "new" } }));
    cluster.index.pods.delete("web", "far");
    cluster.settle();
    const change = viewChange(first, value.get().endpoints);
    expect([change.add.map(({ ip }) => ip), change.remove.map(({ ip }) => ip)]).toEqual([["10.0.0.1"], ["10.0.0.2"]]);
  });
});
