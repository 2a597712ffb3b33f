import { describe, expect, test } from "bun:test";
import { judge } from "../testing.ts";

const name = "web.emojivoto.svc.cluster.local";
const profile = async (spec: string, called = name) =>
  (await judge("linkerd.io/v1alpha2", "ServiceProfile", spec, { name: called })).problems;
const route = (members: string): string => `{routes: [{name: a, condition: {method: GET}, ${members}}]}`;
const condition = (members: string): string => `{routes: [{name: a, condition: ${members}}]}`;

describe("ServiceProfile", () => {
  test.each([
    ["{}"],
    [condition("{method: GET, pathRegex: '/books/\\d+'}")],
    [condition("{all: [{method: GET}, {not: {pathRegex: '/x'}}]}")],
    [route("isRetryable: true, timeout: 1m30s")],
    [route("responseClasses: [{condition: {status: {min: 500, max: 599}}, isFailure: true}]")],
    ["{retryBudget: {retryRatio: 0.2, minRetriesPerSecond: 10, ttl: 10s}}"],
    ["{dstOverrides: [{authority: 'a.b.svc.cluster.local:80', weight: 500m}, {authority: b, weight: 1}]}"],
    ["{opaquePorts: ['25', '3306-3310']}"],
  ])("%s is fine", async (spec) => {
    expect(await profile(spec)).toEqual([]);
  });

  test.each([
    ["{route: []}", ["spec.route: is not a known field"]],
    ["{routes: [{name: a}]}", ["spec.routes[0].condition: is required"]],
    ["{routes: [{condition: {method: GET}}]}", ["spec.routes[0].name: is required"]],
    [route("retryable: true"), ["spec.routes[0].retryable: is not a known field"]],
    [route("isRetryable: 'true'"), ["spec.routes[0].isRetryable: is not true or false"]],
    [route("timeout: 1d"), ['spec.routes[0].timeout: "1d" is not a duration such as 300ms, 10s or 1m30s']],
    [condition("{}"), ["spec.routes[0].condition: one of method, pathRegex, all, any, not is needed"]],
    [condition("{method: 'G T'}"), ['spec.routes[0].condition.method: "G T" is not a method']],
    [
      condition("{all: [{method: GET}], any: [{method: GET}]}"),
      ['spec.routes[0].condition: "all" and "any" exclude each other'],
    ],
    [
      condition("{not: {any: [{pathRegex: '('}]}}"),
      [
        'spec.routes[0].condition.not.any[0].pathRegex: "(" is not a regular expression of RE2 syntax: missing closing ): "("',
      ],
    ],
    [
      route("responseClasses: [{condition: {status: {min: 600}}}]"),
      ["spec.routes[0].responseClasses[0].condition.status.min: 600 is not a whole number from 100 to 599"],
    ],
    [
      route("responseClasses: [{condition: {status: {min: 500, max: 400}}}]"),
      ["spec.routes[0].responseClasses[0].condition.status: the range from 500 to 400 is empty"],
    ],
    [route("responseClasses: [{isFailure: true}]"), ["spec.routes[0].responseClasses[0].condition: is required"]],
    [
      "{retryBudget: {retryRatio: -1, minRetriesPerSecond: 10, ttl: x}}",
      [
        "spec.retryBudget.retryRatio: -1 is not a number of at least 0",
        'spec.retryBudget.ttl: "x" is not a duration such as 300ms, 10s or 1m30s',
      ],
    ],
    [
      "{dstOverrides: [{authority: a, weight: -1}]}",
      ["spec.dstOverrides[0].weight: -1 is not a weight such as 10 or 500m"],
    ],
  ])("%s is refused", async (spec, problems) => {
    expect(await profile(spec)).toEqual(problems);
  });

  test("needs the full name of a Service as its own", async () => {
    expect(await profile("{}", "Web_1")).toEqual(['metadata.name: "Web_1" is not the full name of a Service']);
  });

  test("nests only so deep", async () => {
    const deep = `${"{not: ".repeat(40)}{method: GET}${"}".repeat(40)}`;
    expect((await profile(condition(deep)))[0]).toContain("conditions are nested more than 32 deep");
  });
});
