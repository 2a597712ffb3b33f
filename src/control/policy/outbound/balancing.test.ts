/** What annotations of a Service say about how its endpoints are chosen, and what goes wrong on purpose, up to the message that proxies get. */
import { expect, test } from "bun:test";
import { parseCidrs } from "#lib/net-addr.ts";
import type { Backend, HttpRoute } from "#rpc/gen/outbound_pb.ts";
import { outboundMessage } from "../../api/outbound-message.ts";
import { parseAuthority } from "../../destination/authority.ts";
import { service } from "../../testing/builders.ts";
import { policyObject } from "../../testing/policy-objects.ts";
import { type PolicyObject, TestCluster } from "../../testing/test-cluster.ts";
import { watchOutbound } from "../outbound.ts";

type Annotations = Record<string, string>;

/** The protocol of the Service "api" for its clients. `other`: annotations of the Service "api-v2". */
function http(annotations: Annotations, other: Annotations = {}, objects: PolicyObject[] = [], allow = false) {
  const cluster = new TestCluster()
    .services(
      service({ name: "api", ip: "10.96.0.1", annotations }),
      service({ name: "api-v2", ip: "10.96.0.2", annotations: other }),
    )
    .policies(...objects);
  const settings = {
    ...cluster.settings,
    clusterNetworks: parseCidrs("10.0.0.0/8"),
    globalEgressNamespace: "linkerd-egress",
    allowRequestHeaders: allow,
  };
  const target = parseAuthority("10.96.0.1:80", "cluster.local");
  const message = outboundMessage(watchOutbound(cluster.index, settings, target, "web").value.get(), "");
  const kind = message?.protocol?.kind;
  if (kind?.case !== "detect" || kind.value.http1 === undefined) throw new Error(`protocol ${kind?.case}`);
  return kind.value.http1;
}

function backendsOf(routes: readonly HttpRoute[]): Array<Backend["kind"]["value"]> {
  return routes.flatMap(({ rules }) =>
    rules.flatMap(({ backends }) => {
      const kind = backends?.kind;
      if (kind?.case === "firstAvailable") return kind.value.backends.map(({ backend }) => backend?.kind.value);
      if (kind?.case === "randomAvailable")
        return kind.value.backends.map(({ backend }) => backend?.backend?.kind.value);
      return [];
    }),
  );
}

const prefix = "balancer.linkerd.io";
const alpha = "balancer.alpha.linkerd.io";

test("a Service without annotations is balanced as Linkerd does it", () => {
  const [backend] = backendsOf(http({}).routes);
  expect(backend).toMatchObject({ load: { case: "peakEwma" } });
  expect(backend).not.toHaveProperty("hash");
  expect(backend).not.toHaveProperty("slowStart");
  expect(backend).not.toHaveProperty("locality");
});

test("annotations say hash, slow start, zones and penalties", () => {
  const [backend] = backendsOf(
    http({
      [`${prefix}/hash`]: "header:X-User",
      [`${prefix}/slow-start`]: "30s",
      [`${prefix}/zone-spill-over`]: "60",
      [`${alpha}/penalize-failures`]: "true",
      [`${alpha}/load-biaser-penalty`]: "2s",
    }).routes,
  );
  expect(backend).toMatchObject({
    hash: { kind: { case: "header", value: "x-user" } },
    slowStart: { seconds: 30n },
    locality: { minReadyPercent: 60 },
    load: { case: "penaltyPeakEwma", value: { penalty: { seconds: 2n }, maxRetryAfter: { seconds: 300n } } },
  });
});

test("each backend of a route goes by the annotations of its own Service", () => {
  const rules = "[{backendRefs: [{name: api, port: 80}, {name: api-v2, port: 80}]}]";
  const parent = "parentRefs: [{group: core, kind: Service, name: api, port: 80}]";
  const route = policyObject("HTTPRoute", "route", `{${parent}, rules: ${rules}}`);
  const backends = backendsOf(
    http({ [`${prefix}/hash`]: "source" }, { [`${prefix}/hash`]: "cookie:session" }, [route]).routes,
  );
  expect(backends).toMatchObject([
    { hash: { kind: { case: "source" } } },
    { hash: { kind: { case: "cookie", value: "session" } } },
  ]);
});

test("a limit to ejections goes with failure accrual; malformed values count as absent", () => {
  const limits = {
    [`${prefix}/failure-accrual`]: "consecutive",
    [`${prefix}/failure-accrual-min-ready-endpoints`]: "2",
    [`${prefix}/failure-accrual-max-ejection-percent`]: "50",
  };
  expect(http(limits).failureAccrual?.ejection).toMatchObject({ minReadyEndpoints: 2, maxEjectionPercent: 50 });
  const wrong = { ...limits, [`${prefix}/failure-accrual-max-ejection-percent`]: "500", [`${prefix}/hash`]: "user" };
  expect(http(wrong).failureAccrual?.ejection).toMatchObject({ minReadyEndpoints: 2, maxEjectionPercent: 0 });
  expect(backendsOf(http(wrong).routes)[0]).not.toHaveProperty("hash");
  expect(http({ [`${prefix}/failure-accrual`]: "consecutive" }).failureAccrual).not.toHaveProperty("ejection");
});

const fault = "fault.linkerd.io";
const faultsOf = (annotations: Annotations, own: Annotations | null = null) => {
  const parent = "parentRefs: [{group: core, kind: Service, name: api, port: 80}]";
  const route =
    own === null ? [] : [policyObject("HTTPRoute", "route", `{${parent}, rules: [{}]}`, { annotations: own })];
  return http(annotations, {}, route).routes[0]?.rules[0]?.faults;
};

test("annotations say what goes wrong on purpose, for whom", () => {
  const annotations = {
    [`${fault}/abort`]: "429",
    [`${fault}/abort-grpc`]: "8",
    [`${fault}/delay`]: "250ms",
    [`${fault}/percent`]: "12.5",
    [`${fault}/header`]: "X-Test=chaos",
  };
  expect(faultsOf(annotations)).toMatchObject([
    {
      headers: [{ name: "x-test", value: { case: "exact", value: Buffer.from("chaos") } }],
      ratio: { numerator: 125_000, denominator: 1_000_000 },
      delay: { nanos: 250_000_000 },
      end: { case: "abort", value: { httpStatus: 429, grpcStatus: 8 } },
    },
  ]);
  expect(faultsOf({ [`${fault}/bytes-per-second`]: "1000" })).toMatchObject([{ bytesPerSecond: 1000 }]);
  expect(faultsOf({ [`${fault}/reset`]: "true" })).toMatchObject([{ end: { case: "reset" } }]);
  expect(faultsOf({})).toEqual([]);
});

test("a route's faults replace those of its Service", () => {
  const annotations = { [`${fault}/reset`]: "true" };
  expect(faultsOf(annotations, {})).toMatchObject([{ end: { case: "reset" } }]);
  expect(faultsOf(annotations, { [`${fault}/abort`]: "500" })).toMatchObject([{ end: { case: "abort" } }]);
  expect(faultsOf(annotations, { [`${fault}/percent`]: "0" })).toEqual([]);
});

test("a fault whose gate can't be read hits nobody", () => {
  expect(faultsOf({ [`${fault}/reset`]: "true", [`${fault}/header`]: "chaos" })).toEqual([]);
  expect(faultsOf({ [`${fault}/reset`]: "true", [`${fault}/percent`]: "150" })).toEqual([]);
});

test("applications may say timeouts and retries only when the controller is told so", () => {
  const allowed = (allow: boolean) => http({}, {}, [], allow).routes[0]?.rules[0]?.allowL5dRequestHeaders;
  expect([allowed(false), allowed(true)]).toEqual([false, true]);
});
