import { expect, test } from "bun:test";
import type { StatPod } from "../metrics/stat.ts";
import { statFamilies } from "../metrics/stat.ts";
import { SampleStore } from "../metrics/store.ts";
import { authorizationRows, policyFamilies, routeRows } from "./policy-rows.ts";

const pod: StatPod = {
  target: "n/web",
  namespace: "n",
  name: "web",
  meshed: true,
  running: true,
  status: "Running",
  labels: {},
  owners: new Map(),
};

const server = 'srv_kind="server",srv_name="web-http",srv_port="8080"';
const route = 'route_kind="HTTPRoute",route_name="books"';
const friend = 'tls="true",client_id="friend.n.serviceaccount.identity.linkerd.cluster.local"';

/** Counters that grow from 0 by `increase` within 10 s. */
function query(lines: readonly [series: string, increase: number][]) {
  const samples = new SampleStore({ families: new Set([...statFamilies, ...policyFamilies]) });
  for (const share of [0, 1]) {
    samples.add("n/web", share * 10_000, lines.map(([series, value]) => `${series} ${value * share}\n`).join(""));
  }
  return { pods: [pod], samples, now: 10_000, window: 60_000 };
}

test("routes are told apart by Server, port and name, and added up over clients", () => {
  const common = `direction="inbound",${server},${route}`;
  const rows = routeRows(
    query([
      [`response_total{${common},classification="success",${friend}}`, 90],
      [`response_total{${common},classification="failure",tls="no_identity"}`, 10],
      [
        `response_total{direction="inbound",${server},route_kind="default",route_name="default",classification="success"}`,
        50,
      ],
      [`response_total{direction="outbound",${route},classification="success"}`, 999],
    ]),
  );
  expect(rows.map(({ route: name, rps, success }) => [name, rps, success])).toEqual([
    ["books", 10, 0.9],
    ["default", 5, 1],
  ]);
});

test("the policy says who was let in by what, and the refused come first", () => {
  const rows = authorizationRows(
    query([
      [`inbound_http_authz_allow_total{${server},authz_kind="authorizationpolicy",authz_name="friends",${friend}}`, 40],
      [`inbound_tcp_authz_allow_total{${server},authz_kind="authorizationpolicy",authz_name="friends",${friend}}`, 1],
      [`inbound_http_authz_deny_total{${server},tls="no_identity",no_tls_reason="no_tls_from_remote"}`, 20],
    ]),
  );
  expect(rows.map(({ client, authorization, allowed, denied }) => [client, authorization, allowed, denied])).toEqual([
    ["no_tls_from_remote", null, 0, 2],
    ["friend.n.serviceaccount.identity.linkerd.cluster.local", "friends", 4, 0],
  ]);
});

test("connections count where there are no requests", () => {
  const [row] = authorizationRows(query([[`inbound_tcp_authz_deny_total{${server},tls="no_identity"}`, 30]]));
  expect([row?.denied, row?.authorization]).toEqual([3, null]);
});

test("a client that made nothing in the window has no row", () => {
  expect(authorizationRows(query([[`inbound_http_authz_allow_total{${server},${friend}}`, 0]]))).toEqual([]);
});
