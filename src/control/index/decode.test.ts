import { describe, expect, test } from "bun:test";
import { endpointFor, node, pod, replicaSet, service, slice } from "../testing/builders.ts";
import { decodeNode, decodeOwner } from "./scope.ts";
import { decodeService } from "./service.ts";
import { decodeSlice } from "./slice.ts";
import { decodeWorkload } from "./workload.ts";

describe("decoding", () => {
  test("a Service keeps its TCP ports and addresses", () => {
    const object = service({ name: "api", ip: "10.96.0.1" });
    const ports = [
      { port: 53, protocol: "UDP" as const, name: "dns" },
      { port: 80, protocol: "TCP" as const },
      { port: 81, name: "x", appProtocol: "http" },
    ];
    expect(decodeService({ ...object, spec: { ...object.spec, ports } } as typeof object)).toMatchObject({
      kind: "cluster-ip",
      clusterIps: ["10.96.0.1"],
      ports: [
        { name: "", port: 80, appProtocol: null },
        { name: "x", port: 81, appProtocol: "http" },
      ],
    });
    expect(decodeService(service({ name: "h", ip: "None" })).kind).toBe("headless");
    expect(decodeService(service({ name: "e", externalName: "x.y" })).kind).toBe("external-name");
    expect(decodeService(service({ name: "n", nodeLocal: true })).nodeLocal).toBe(true);
    expect(() => decodeService({ metadata: { name: "broken" } })).toThrow('Service "broken" has no spec');
  });

  test("a slice keeps what is ready; without conditions an endpoint is ready", () => {
    const a = pod({ name: "a", ip: "10.0.0.1" });
    const hints = { forZones: [{ name: "z1" }] };
    const endpoints = [
      endpointFor(a, { hints, zone: "z1", hostname: "a-0" }),
      { addresses: ["10.0.0.2"] },
      { addresses: ["10.0.0.3"], conditions: { ready: false, serving: true } },
      { addresses: [] },
    ];
    const decoded = decodeSlice(slice({ service: "api", ports: [{ name: "http" }], endpoints }));
    expect(decoded?.ports).toEqual([{ name: "http", port: null }]);
    expect(decoded?.ready).toEqual([
      {
        ip: "10.0.0.1",
        hostname: "a-0",
        node: "node-a",
        zone: "z1",
        forZones: ["z1"],
        pod: { namespace: "web", name: "a", uid: "uid-a" },
      },
      { ip: "10.0.0.2", hostname: null, node: null, zone: null, forZones: [], pod: null },
    ]);
  });

  test("a slice of no Service or of host names is not wanted, one without addressType is broken", () => {
    const object = slice({ service: "api", endpoints: [] });
    expect(decodeSlice({ ...object, metadata: { ...object.metadata, labels: {} } } as typeof object)).toBe(null);
    expect(decodeSlice({ ...object, addressType: "FQDN" } as typeof object)).toBe(null);
    expect(() => decodeSlice({ metadata: object.metadata })).toThrow("has no addressType");
  });

  test("nodes have zones, ReplicaSets have owners, pods without containers are broken", () => {
    expect(decodeNode(node("a", "z1")).zone).toBe("z1");
    expect(decodeNode({ metadata: { name: "a" } }).zone).toBe("");
    expect(decodeOwner(replicaSet("api-1", "api")).owner).toEqual({ kind: "Deployment", name: "api" });
    expect(() => decodeWorkload({ metadata: { name: "x" } })).toThrow('Pod "x" has no containers');
  });
});
