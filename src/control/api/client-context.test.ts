import { describe, expect, test } from "bun:test";
import { node, pod } from "../testing/builders.ts";
import { TestCluster } from "../testing/test-cluster.ts";
import { clientPlace, parseClientContext } from "./client-context.ts";

describe("parseClientContext", () => {
  test.each([
    ['{"ns":"web","nodeName":"n1","pod":"web-1"}\n', { namespace: "web", pod: "web-1", node: "n1" }],
    ['{"ns":"web","pod":"web-1"}', { namespace: "web", pod: "web-1", node: "" }],
    ["ns:web", { namespace: "web", pod: "", node: "" }],
    ["web:web-1", { namespace: "web", pod: "web-1", node: "" }],
    ["", { namespace: "", pod: "", node: "" }],
    ["{", { namespace: "", pod: "", node: "" }],
    ['{"ns":5}', { namespace: "", pod: "", node: "" }],
    ["null", { namespace: "", pod: "", node: "" }],
  ])("reads %j", (token, expected) => {
    expect(parseClientContext(token)).toEqual(expected);
  });
});

test("clientPlace finds the node by the pod when the client does not say", () => {
  const cluster = new TestCluster().nodes(node("node-a", "z1")).pods(pod({ name: "c", ip: "10.0.0.1" }));
  const place = (token: string) => clientPlace(cluster.index, parseClientContext(token));
  expect(place("web:c")).toEqual({ node: "node-a", zone: "z1" });
  expect(place('{"nodeName":"node-b","ns":"web","pod":"c"}')).toEqual({ node: "node-b", zone: "" });
  expect(place("")).toEqual({ node: "", zone: "" });
});
