import { describe, expect, test } from "bun:test";
import { judge } from "../testing.ts";
import { sameServer } from "./server.ts";

describe("Server", () => {
  test.each([
    ["{podSelector: {}, port: 80}", []],
    ["{podSelector: {matchLabels: {app: web}}, port: http-admin, proxyProtocol: gRPC, accessPolicy: audit}", []],
    ["{externalWorkloadSelector: {matchExpressions: [{key: a, operator: In, values: [b]}]}, port: 80}", []],
    ["{port: 80}", ['spec: exactly one of "podSelector" and "externalWorkloadSelector" is needed']],
    [
      "{podSelector: {}, externalWorkloadSelector: {}, port: 80}",
      ['spec: exactly one of "podSelector" and "externalWorkloadSelector" is needed'],
    ],
    ["{podSelector: {}}", ["spec.port: is required"]],
    ["{podSelector: {}, port: 0}", ["spec.port: 0 is not a whole number from 1 to 65535"]],
    ["{podSelector: {}, port: '123'}", ['spec.port: "123" is neither a port number nor the name of one']],
    [
      "{podSelector: {}, port: 80, proxyProtocol: h2}",
      ['spec.proxyProtocol: "h2" is none of unknown, HTTP/1, HTTP/2, gRPC, opaque, TLS'],
    ],
    [
      "{podSelector: {}, port: 80, accessPolicy: allow}",
      [
        'spec.accessPolicy: "allow" is none of all-unauthenticated, all-authenticated, cluster-unauthenticated, cluster-authenticated, deny, audit',
      ],
    ],
    [
      "{podSelector: {matchExpressions: [{key: a, operator: In}, {key: b, operator: Exists, values: [c]}]}, port: 80}",
      [
        'spec.podSelector.matchExpressions[0].values: "In" needs values',
        'spec.podSelector.matchExpressions[1].values: "Exists" takes no values',
      ],
    ],
  ])("%s", async (spec, problems) => {
    expect((await judge("policy.linkerd.io/v1beta3", "Server", spec)).problems).toEqual(problems);
  });

  const server = (name: string, spec: object) => ({ metadata: { name }, spec });
  const web = { podSelector: { matchLabels: { app: "web" } }, port: 80 };
  test.each([
    ["an equal selector and port", web, web, "other"],
    ["a selector of everything", web, { podSelector: {}, port: 80 }, "other"],
    ["another port", web, { ...web, port: 81 }, null],
    ["another selector", web, { podSelector: { matchLabels: { app: "api" } }, port: 80 }, null],
    ["another kind of workload", web, { externalWorkloadSelector: {}, port: 80 }, null],
  ])("another Server with %s", (_what, own, theirs, found) => {
    expect(sameServer("web", own, [server("other", theirs)])).toBe(found);
  });

  test("is not in its own way when it is updated", () => {
    expect(sameServer("web", web, [server("web", web)])).toBeNull();
  });
});
