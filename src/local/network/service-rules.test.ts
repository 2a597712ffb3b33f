import { expect, test } from "bun:test";
import type { EndpointSlice, Service } from "../types.ts";
import { servicePortRules, serviceRuleset } from "./service-rules.ts";

function service(name: string, spec: Partial<Service["spec"]> = {}): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "shop", uid: name, resourceVersion: "1", creationTimestamp: "" },
    spec: { clusterIP: "10.96.0.50", ports: [{ name: "http", port: 80, targetPort: 8080 }], ...spec },
  };
}

interface Place {
  ip: string;
  ready?: boolean;
  serving?: boolean;
  terminating?: boolean;
}

function slice(name: string, places: Place[], ports = [{ name: "http", port: 8080 }]): EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `${name}-x`,
      namespace: "shop",
      uid: name,
      resourceVersion: "1",
      creationTimestamp: "",
      labels: { "kubernetes.io/service-name": name },
    },
    addressType: "IPv4",
    endpoints: places.map(({ ip, ...conditions }) => ({ addresses: [ip], conditions })),
    ports,
  };
}

test("A Service port leads to its ready endpoints", () => {
  const places = [
    { ip: "10.244.0.9", ready: true },
    { ip: "10.244.0.3", ready: true },
    { ip: "10.244.0.4", ready: false },
  ];
  const rules = servicePortRules([service("web")], [slice("web", places)]);
  expect(rules).toEqual([
    {
      name: "shop/web:http",
      protocol: "tcp",
      ips: ["10.96.0.50"],
      port: 80,
      nodePort: null,
      sticky: false,
      targets: [
        { ip: "10.244.0.3", port: 8080 },
        { ip: "10.244.0.9", port: 8080 },
      ],
    },
  ]);
  const text = serviceRuleset(rules);
  expect(text).toContain("10.96.0.50 . tcp . 80 : goto svc-0");
  expect(text).toContain("numgen random mod 2 map { 0 : 10.244.0.3 . 8080, 1 : 10.244.0.9 . 8080 }");
  expect(text).toContain("10.244.0.3 . 10.244.0.3, 10.244.0.9 . 10.244.0.9");
});

test("Terminating endpoints that still serve are the last resort", () => {
  const places = [
    { ip: "10.244.0.4", ready: false, serving: true, terminating: true },
    { ip: "10.244.0.5", ready: false, serving: false },
  ];
  const rules = servicePortRules([service("web")], [slice("web", places)]);
  expect(rules[0]?.targets).toEqual([{ ip: "10.244.0.4", port: 8080 }]);
});

test("A Service without endpoints refuses connections", () => {
  const text = serviceRuleset(servicePortRules([service("web")], []));
  expect(text).toContain(
    "set refused {\n    type ipv4_addr . inet_proto . inet_service\n    elements = { 10.96.0.50 . tcp . 80 }",
  );
  expect(text).not.toContain("goto svc-");
});

test("Headless and external Services need no rules", () => {
  const services = [
    service("a", { clusterIP: "None" }),
    service("b", { type: "ExternalName", externalName: "example.com" }),
  ];
  expect(servicePortRules(services, [slice("a", [{ ip: "10.244.0.3" }])])).toEqual([]);
});

test("A node port leads where the Service port leads", () => {
  const rules = servicePortRules(
    [service("web", { ports: [{ name: "http", port: 80, nodePort: 30080 }] })],
    [slice("web", [{ ip: "10.244.0.3" }])],
  );
  expect(serviceRuleset(rules)).toContain("10.244.0.1 . tcp . 30080 : goto svc-0");
});

test("Equal input in another order gives equal text", () => {
  const services = [service("a"), service("b", { clusterIP: "10.96.0.51" })];
  const slices = [slice("a", [{ ip: "10.244.0.3" }, { ip: "10.244.0.4" }]), slice("b", [{ ip: "10.244.0.5" }])];
  const text = serviceRuleset(servicePortRules(services, slices));
  expect(serviceRuleset(servicePortRules(services.toReversed(), slices.toReversed()))).toBe(text);
});
