import { expect, test } from "bun:test";
import type { Pod } from "#kube/types/core.ts";
import { authorizationsFor } from "./authorizations.ts";

const pod = { metadata: { name: "web-1", labels: { app: "web" } }, spec: { containers: [] } } as unknown as Pod;
const server = (name: string, app: string) => ({
  metadata: { name, labels: { tier: "front" } },
  spec: { podSelector: { matchLabels: { app } } },
});
const none = { servers: [], serverAuthorizations: [], policies: [], routes: [] };

test("ServerAuthorizations reach the pods by the name or the labels of a Server", () => {
  const rows = authorizationsFor([pod], {
    ...none,
    servers: [server("web-http", "web"), server("other", "other")],
    serverAuthorizations: [
      { metadata: { name: "by-name" }, spec: { server: { name: "web-http" } } },
      { metadata: { name: "by-labels" }, spec: { server: { selector: { matchLabels: { tier: "front" } } } } },
      { metadata: { name: "of-another" }, spec: { server: { name: "other" } } },
    ],
  });
  expect(rows.map(({ server, serverAuthorization }) => [server, serverAuthorization])).toEqual([
    ["web-http", "by-name"],
    ["web-http", "by-labels"],
  ]);
});

test("policies reach them by a Server, by a route of one, or by the namespace", () => {
  const rows = authorizationsFor([pod], {
    ...none,
    servers: [server("web-http", "web")],
    routes: [
      {
        kind: "HTTPRoute",
        metadata: { name: "gets" },
        spec: { parentRefs: [{ group: "policy.linkerd.io", kind: "Server", name: "web-http" }] },
      },
    ],
    policies: [
      {
        metadata: { name: "p1" },
        spec: { targetRef: { group: "policy.linkerd.io", kind: "Server", name: "web-http" } },
      },
      {
        metadata: { name: "p2" },
        spec: { targetRef: { group: "policy.linkerd.io", kind: "HTTPRoute", name: "gets" } },
      },
      { metadata: { name: "p3" }, spec: { targetRef: { group: "", kind: "Namespace", name: "app" } } },
      { metadata: { name: "p4" }, spec: { targetRef: { kind: "Server", name: "nothing" } } },
    ],
  });
  expect(rows.map(({ route, server, authorizationPolicy }) => [route, server, authorizationPolicy])).toEqual([
    ["", "web-http", "p1"],
    ["gets", "web-http", "p2"],
    ["", "web-http", "p3"],
  ]);
});
