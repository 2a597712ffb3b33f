import { expect, test } from "bun:test";
import type { Pod } from "#kube/types/core.ts";
import { podRules } from "./pod-rules.ts";
import { parsePorts, type RedirectSettings } from "./rules.ts";

const node: RedirectSettings = {
  inboundPort: 4143,
  outboundPort: 4140,
  proxyUid: 2102,
  proxyGid: null,
  proxyMark: null,
  inboundSkipPorts: parsePorts("4567", "x"),
  outboundSkipPorts: parsePorts("4567", "x"),
  inboundOnlyPorts: [],
  skipSubnets: [],
  ipv6: false,
};

function pod(annotations: Record<string, string> = {}, spec: object = {}): Pod {
  const prefixed = Object.entries(annotations).map(([key, value]) => [`config.linkerd.io/${key}`, value]);
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", annotations: Object.fromEntries(prefixed) as Record<string, string> },
    spec: {
      containers: [{ name: "app", ports: [{ name: "sql", containerPort: 3306 }] }, { name: "linkerd-proxy" }],
      ...spec,
    },
  };
}

function settings(of: Pod): RedirectSettings {
  const rules = podRules(of, node);
  if (rules.kind === "none") throw new Error(rules.reason);
  return rules.settings;
}

test("A pod without wishes gets the node's settings and the proxy's own ports pass", () => {
  expect(settings(pod())).toEqual({ ...node, inboundSkipPorts: parsePorts("4190,4191,4567", "x") });
});

test("Annotations replace the node's settings", () => {
  const wishes = {
    "inbound-port": "5143",
    "outbound-port": "5140",
    "admin-port": "5191",
    "proxy-uid": "3000",
    "skip-inbound-ports": "sql,8000-8010",
    "skip-outbound-ports": "25",
    "skip-subnets": "10.0.0.0/8, fd00::/8",
  };
  expect(settings(pod(wishes))).toEqual({
    ...node,
    inboundPort: 5143,
    outboundPort: 5140,
    proxyUid: 3000,
    inboundSkipPorts: parsePorts("4190,5191,3306,8000-8010", "x"),
    outboundSkipPorts: parsePorts("25", "x"),
    skipSubnets: ["10.0.0.0/8", "fd00::/8"],
  });
});

test("The proxy container's user counts more than an annotation", () => {
  const containers = [{ name: "linkerd-proxy", securityContext: { runAsUser: 7777 } }];
  expect(settings(pod({ "proxy-uid": "3000" }, { containers })).proxyUid).toBe(7777);
});

test.each([
  ["inbound-port", "0"],
  ["skip-inbound-ports", "http"],
  ["skip-subnets", "10.0.0.0"],
])("Annotation %s with the value %p is refused by name", (key, value) => {
  expect(() => podRules(pod({ [key]: value }), node)).toThrow(`config.linkerd.io/${key}`);
});

test("A pod in the node's network is left alone", () => {
  expect(podRules(pod({}, { hostNetwork: true }), node).kind).toBe("none");
});
