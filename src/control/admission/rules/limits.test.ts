import { describe, expect, test } from "bun:test";
import { judge } from "../testing.ts";

const api = "policy.linkerd.io/v1alpha1";
const target = "targetRef: {group: policy.linkerd.io, kind: Server, name: web}";

describe("HTTPLocalRateLimitPolicy", () => {
  const client = "clientRefs: [{kind: ServiceAccount, name: a}]";
  test.each([
    [
      `{${target}, total: {requestsPerSecond: 100}, identity: {requestsPerSecond: 100}, overrides: [{requestsPerSecond: 50, ${client}}]}`,
      [],
    ],
    [`{${target}, identity: {requestsPerSecond: 5}}`, []],
    [
      `{${target}, total: {requestsPerSecond: 0}}`,
      ["spec.total.requestsPerSecond: 0 is not a whole number from 1 to 4294967295"],
    ],
    [
      `{${target}, total: {requestsPerSecond: 10}, identity: {requestsPerSecond: 11}}`,
      ["spec.identity: 11 requests per second are more than the total of 10"],
    ],
    [
      `{${target}, total: {requestsPerSecond: 10}, overrides: [{requestsPerSecond: 20, ${client}}]}`,
      ["spec.overrides[0]: 20 requests per second are more than the total of 10"],
    ],
    [
      "{targetRef: {kind: Service, name: web}, total: {requestsPerSecond: 10}}",
      ['spec.targetRef: "Service" can\'t be a target; use a Server'],
    ],
    [
      `{${target}, overrides: [{requestsPerSecond: 1, clientRefs: [{kind: User, name: a}]}]}`,
      ['spec.overrides[0].clientRefs[0]: "User" is no client; use a ServiceAccount'],
    ],
    [`{total: {requestsPerSecond: 1}}`, ["spec.targetRef: is required"]],
  ])("%s", async (spec, problems) => {
    expect((await judge(api, "HTTPLocalRateLimitPolicy", spec)).problems).toEqual(problems);
  });
});

describe("EgressNetwork", () => {
  test.each([
    ["{trafficPolicy: Allow}", []],
    ["{trafficPolicy: Deny, networks: [{cidr: 0.0.0.0/0, except: [10.0.0.0/8]}]}", []],
    ["{}", ["spec.trafficPolicy: is required"]],
    ["{trafficPolicy: Audit}", ['spec.trafficPolicy: "Audit" is none of Allow, Deny']],
    [
      "{trafficPolicy: Allow, networks: []}",
      ["spec.networks: is empty; leave it out to mean everything outside of the cluster"],
    ],
    [
      "{trafficPolicy: Allow, networks: [{cidr: 1.0.0.0/8, except: [1.0.0.0/8]}]}",
      ['spec.networks[0].except[0]: "1.0.0.0/8" leaves nothing of its network'],
    ],
  ])("%s", async (spec, problems) => {
    expect((await judge(api, "EgressNetwork", spec)).problems).toEqual(problems);
  });
});
