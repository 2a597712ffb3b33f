import { describe, expect, test } from "bun:test";
import { service } from "../testing/builders.ts";
import { policyObject } from "../testing/policy-objects.ts";
import { type PolicyObject, TestCluster } from "../testing/test-cluster.ts";
import type { StoredCondition } from "./condition.ts";
import { denyStatus, faultStatus, requirementStatus } from "./extension-status.ts";

const now = "2026-01-01T00:00:00Z";
const toApi = "targetRef: {kind: Service, name: api}";
const fault = (spec: string, name = "f") => policyObject("FaultInjection", name, `{${spec}}`);
const denial = (spec: string) => policyObject("DenyPolicy", "d", `{${spec}}`);
const toServer = "targetRef: {group: policy.linkerd.io, kind: Server, name: srv}";
const route = policyObject("HTTPRoute", "route", "{parentRefs: [{group: core, kind: Service, name: api}]}");

function conditionsOf(judged: PolicyObject, ...others: PolicyObject[]): readonly StoredCondition[] | null {
  const { index } = new TestCluster().services(service({ name: "api" })).policies(route, ...others, judged);
  const { namespace = "", name } = judged.metadata;
  const { faultInjections, denyPolicies, meshTlsRequirements } = index.policy;
  const fault = faultInjections.get(namespace, name);
  const denial = denyPolicies.get(namespace, name);
  const requirement = meshTlsRequirements.get(namespace, name);
  if (requirement !== undefined) {
    return (requirementStatus(index, requirement, now) as { readonly conditions: readonly StoredCondition[] })
      .conditions;
  }
  const status = fault !== undefined ? faultStatus(index, fault, now) : denial && denyStatus(index, denial, now);
  return (status as { readonly conditions: readonly StoredCondition[] } | null)?.conditions ?? null;
}

/** "Accepted/True Accepted; ResolvedRefs/…", with messages. */
const told = (conditions: readonly StoredCondition[] | null): string[] | null =>
  conditions?.map(({ type, status, reason, message }) => `${type} ${status} ${reason} ${message}`.trim()) ?? null;
const fine = ["Accepted True Accepted", "ResolvedRefs True ResolvedRefs"];

describe("A FaultInjection's status", () => {
  test.each<[string, string[]]>([
    [`${toApi}, delay: 1s`, fine],
    ["targetRef: {kind: HTTPRoute, name: route}, reset: true", fine],
    [`${toApi}, delay: 1s, percent: 0`, ["Accepted True Accepted Of no request, as percent is 0", fine[1] ?? ""]],
    [
      "targetRef: {kind: GRPCRoute, name: route}, reset: true",
      [
        'Accepted False NoMatchingTarget GRPCRoute "route" does not exist',
        'ResolvedRefs False TargetNotFound GRPCRoute "route" does not exist',
      ],
    ],
    [
      "targetRef: {kind: Service, name: gone}, reset: true",
      [
        'Accepted False NoMatchingTarget Service "gone" does not exist',
        'ResolvedRefs False TargetNotFound Service "gone" does not exist',
      ],
    ],
    [
      `${toApi}, delay: soon`,
      [
        'Accepted False UnsupportedValue Not valid: spec.delay: "soon" is not a duration such as 500ms, 10s or 1h30m; nothing is injected',
        "ResolvedRefs True ResolvedRefs",
      ],
    ],
    [
      "targetRef: {kind: Secret, name: api}, reset: true",
      [
        `Accepted False UnsupportedValue Not valid: spec.targetRef: "Secret" can't be a target; use a Service, HTTPRoute or GRPCRoute; nothing is injected`,
        "ResolvedRefs False InvalidKind A target of kind secret is not supported",
      ],
    ],
  ])("of {%s}", (spec, expected) => {
    expect(told(conditionsOf(fault(spec)))).toEqual(expected);
  });

  test("says when so many older ones have its target that it does not count", () => {
    const older = Array.from({ length: 16 }, (_, at) => {
      const object = fault(`${toApi}, delay: 1s`, `old-${at}`);
      return { ...object, metadata: { ...object.metadata, creationTimestamp: "2025-01-01T00:00:00Z" } };
    });
    const young = fault(`${toApi}, delay: 1s`);
    const late = { ...young, metadata: { ...young.metadata, creationTimestamp: "2025-02-01T00:00:00Z" } };
    expect(told(conditionsOf(late, ...older))?.[0]).toBe(
      "Accepted False TooManyFaults 16 older ones have the same target, which are all that count",
    );
  });

  test("is about the generation that was judged, keeps its times, and is not written twice", () => {
    const object = fault(`${toApi}, delay: 1s`);
    const first = { ...object, metadata: { ...object.metadata, generation: 3 } };
    const conditions = conditionsOf(first);
    expect(
      conditions?.map(({ observedGeneration, lastTransitionTime }) => [observedGeneration, lastTransitionTime]),
    ).toEqual([
      [3, now],
      [3, now],
    ]);
    const older = conditions?.map((condition) => ({ ...condition, lastTransitionTime: "2025-12-01T00:00:00Z" }));
    expect(conditionsOf({ ...first, status: { conditions: older } } as PolicyObject)).toBeNull();
    const changed = { ...first, metadata: { ...first.metadata, generation: 4 }, status: { conditions: older } };
    expect(conditionsOf(changed as PolicyObject)?.[0]).toMatchObject({
      observedGeneration: 4,
      lastTransitionTime: "2025-12-01T00:00:00Z",
    });
  });
});

describe("A DenyPolicy's status", () => {
  const server = policyObject("Server", "srv", "{podSelector: {}, port: 80}");
  const clients = "clients: [{serviceAccounts: [{name: bot}]}]";
  test.each<[string, readonly PolicyObject[], string[]]>([
    [`${toServer}, ${clients}`, [server], fine],
    ["targetRef: {kind: Namespace, name: web}, clients: [{networks: [{cidr: 10.0.0.0/8}]}]", [], fine],
    [
      `${toServer}, ${clients}`,
      [],
      [
        'Accepted False NoMatchingTarget Server "srv" does not exist',
        'ResolvedRefs False TargetNotFound Server "srv" does not exist',
      ],
    ],
    [
      `${toServer}, clients: []`,
      [server],
      [
        'Accepted False UnsupportedValue Not valid: spec.clients: is empty; it denies everybody at Server "srv"',
        "ResolvedRefs True ResolvedRefs",
      ],
    ],
    [
      "targetRef: {kind: Namespace, name: web}, clients: []",
      [server],
      [
        'Accepted False UnsupportedValue Not valid: spec.clients: is empty; it denies everybody at every port of namespace "web"',
        "ResolvedRefs True ResolvedRefs",
      ],
    ],
  ])("of {%s}", (spec, others, expected) => {
    expect(told(conditionsOf(denial(spec), ...others))).toEqual(expected);
  });
});

test.each<[string, string[]]>([
  ["{targetRef: {kind: Service, name: api}}", fine],
  ["{targetRef: {kind: Namespace, name: web}}", fine],
  [
    "{targetRef: {kind: Service, name: gone}}",
    [
      'Accepted False NoMatchingTarget Service "gone" does not exist',
      'ResolvedRefs False TargetNotFound Service "gone" does not exist',
    ],
  ],
  [
    "{targetRef: {kind: Service, name: api}, mode: soft}",
    [
      'Accepted False UnsupportedValue Not valid: spec.mode: is not a known field; it counts for Service "api"',
      "ResolvedRefs True ResolvedRefs",
    ],
  ],
])("A MeshTLSRequirement's status of %s", (spec, expected) => {
  expect(told(conditionsOf(policyObject("MeshTLSRequirement", "m", spec)))).toEqual(expected);
});
