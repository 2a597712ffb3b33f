import { expect, test } from "bun:test";
import { decode, encode } from "dns-packet";
import type { EndpointSlice, Service } from "../types.ts";
import { respond } from "./message.ts";
import { Zone, type ZoneSource } from "./zone.ts";

const meta = { uid: "u", resourceVersion: "1", creationTimestamp: "" };

function service(name: string, spec: Service["spec"]): Service {
  return { apiVersion: "v1", kind: "Service", metadata: { ...meta, name, namespace: "shop" }, spec };
}

const services = new Map(
  [
    service("web", { clusterIP: "10.96.0.50", ports: [{ name: "http", port: 80 }] }),
    service("db", { clusterIP: "None", ports: [{ name: "sql", port: 5432 }] }),
    service("empty", { clusterIP: "None" }),
    service("out", { type: "ExternalName", externalName: "example.com" }),
    service("alias", { type: "ExternalName", externalName: "web.shop.svc.cluster.local" }),
  ].map((entry) => [entry.metadata.name, entry]),
);
const slice: EndpointSlice = {
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: { ...meta, name: "db-1", namespace: "shop" },
  addressType: "IPv4",
  ports: [{ name: "sql", port: 5432, protocol: "TCP" }],
  endpoints: [
    { addresses: ["10.244.0.5"], hostname: "db-0", conditions: { ready: true } },
    { addresses: ["10.244.0.6"], conditions: { ready: true } },
    { addresses: ["10.244.0.7"], conditions: { ready: false } },
  ],
};
const source: ZoneSource = {
  service: (namespace, name) => (namespace === "shop" ? (services.get(name) ?? null) : null),
  slices: (_namespace, name) => (name === "db" ? [slice] : []),
  namespaceExists: (name) => name === "shop",
  reverse: (ip) => (ip === "10.96.0.50" ? ["web.shop"] : []),
};
const zone = new Zone(source, "cluster.local");

/** What a resolver gets: the code, and the records as short text. */
function ask(
  name: string,
  type: "A" | "AAAA" | "SRV" | "PTR",
  transport: "udp" | "tcp" = "udp",
): { code: string; records: string[] } {
  const response = respond(
    encode({ type: "query", id: 7, flags: 0x0100, questions: [{ name, type }] }),
    zone,
    "cluster.local",
    transport,
  );
  if (response === null) throw new Error("no response");
  const packet = decode(response);
  expect(packet.id).toBe(7);
  const records = (packet.answers ?? []).map(
    (answer) => `${answer.type} ${"data" in answer ? JSON.stringify(answer.data) : ""}`,
  );
  return { code: Reflect.get(packet, "rcode") as string, records };
}

test("A Service has its cluster address, in any case of letters", () => {
  expect(ask("web.shop.svc.cluster.local", "A")).toEqual({ code: "NOERROR", records: ['A "10.96.0.50"'] });
  expect(ask("WEB.shop.svc.Cluster.Local", "A").records).toEqual(['A "10.96.0.50"']);
});

test("A headless Service has the addresses of its ready endpoints", () => {
  expect(ask("db.shop.svc.cluster.local", "A").records).toEqual(['A "10.244.0.5"', 'A "10.244.0.6"']);
});

test("Endpoints have names of their own: their host name, or their address with dashes", () => {
  expect(ask("db-0.db.shop.svc.cluster.local", "A").records).toEqual(['A "10.244.0.5"']);
  expect(ask("10-244-0-6.db.shop.svc.cluster.local", "A").records).toEqual(['A "10.244.0.6"']);
  expect(ask("db-1.db.shop.svc.cluster.local", "A").code).toBe("NXDOMAIN");
});

test("An existing name without data of the type is not an unknown name", () => {
  expect(ask("web.shop.svc.cluster.local", "AAAA")).toEqual({ code: "NOERROR", records: [] });
  expect(ask("shop.svc.cluster.local", "A")).toEqual({ code: "NOERROR", records: [] });
  expect(ask("nothing.shop.svc.cluster.local", "A").code).toBe("NXDOMAIN");
  expect(ask("empty.shop.svc.cluster.local", "A").code).toBe("NXDOMAIN");
});

test("Names of the search path that don't exist, and names of the outside, are unknown at once", () => {
  expect(ask("web.shop.svc.cluster.local.shop.svc.cluster.local", "A").code).toBe("NXDOMAIN");
  expect(ask("example.com", "A").code).toBe("NXDOMAIN");
});

test("Ports of a Service are found by SRV", () => {
  const srv = (target: string, port: number): string =>
    `SRV ${JSON.stringify({ priority: 0, weight: 100, port, target })}`;
  expect(ask("_http._tcp.web.shop.svc.cluster.local", "SRV").records).toEqual([srv("web.shop.svc.cluster.local", 80)]);
  expect(ask("_sql._tcp.db.shop.svc.cluster.local", "SRV").records).toEqual([
    srv("db-0.db.shop.svc.cluster.local", 5432),
    srv("10-244-0-6.db.shop.svc.cluster.local", 5432),
  ]);
  expect(ask("_none._tcp.web.shop.svc.cluster.local", "SRV").code).toBe("NXDOMAIN");
});

test("An external name is an alias, and one into the cluster is followed", () => {
  expect(ask("out.shop.svc.cluster.local", "A").records).toEqual(['CNAME "example.com"']);
  expect(ask("alias.shop.svc.cluster.local", "A").records).toEqual([
    'CNAME "web.shop.svc.cluster.local"',
    'A "10.96.0.50"',
  ]);
});

test("Addresses lead back to names, and pods have names by address", () => {
  expect(ask("50.0.96.10.in-addr.arpa", "PTR").records).toEqual(['PTR "web.shop.svc.cluster.local"']);
  expect(ask("10-244-0-9.shop.pod.cluster.local", "A").records).toEqual(['A "10.244.0.9"']);
});

test("A response that doesn't fit a datagram says so, and comes whole over TCP", () => {
  const many: EndpointSlice = {
    ...slice,
    endpoints: Array.from({ length: 60 }, (_, i) => ({ addresses: [`10.244.1.${i}`] })),
  };
  const big = new Zone({ ...source, slices: () => [many] }, "cluster.local");
  const query = encode({ type: "query", id: 1, questions: [{ name: "db.shop.svc.cluster.local", type: "A" }] });
  const udp = decode(respond(query, big, "cluster.local", "udp") as Buffer);
  expect([udp.flag_tc, udp.answers?.length]).toEqual([true, 0]);
  const tcp = decode(respond(query, big, "cluster.local", "tcp") as Buffer);
  expect([tcp.flag_tc, tcp.answers?.length]).toEqual([false, 60]);
});

test("Garbage gets a format error, responses get nothing", () => {
  const garbage = Buffer.concat([Buffer.from([0, 9, 1, 0, 0, 9, 0, 0, 0, 0, 0, 0]), Buffer.from("zz")]);
  expect(respond(garbage, zone, "cluster.local", "udp")?.readUInt16BE(2)).toBe(0x8001);
  expect(respond(Buffer.from("short"), zone, "cluster.local", "udp")).toBeNull();
  expect(respond(encode({ type: "response", id: 1 }), zone, "cluster.local", "udp")).toBeNull();
});
