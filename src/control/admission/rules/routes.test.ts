import { describe, expect, test } from "bun:test";
import { judge } from "../testing.ts";

const gateway = "gateway.networking.k8s.io/v1";
const policy = "policy.linkerd.io/v1beta3";
const parent = "parentRefs: [{group: '', kind: Service, name: web, port: 80}]";
const http = (rule: string): string => `{${parent}, rules: [{${rule}}]}`;

describe("HTTPRoute", () => {
  test.each([
    [http("backendRefs: [{name: web, port: 80, weight: 9}, {name: web-2, port: 80, weight: 1}]"), []],
    [http("matches: [{path: {type: RegularExpression, value: '/a/[0-9]+'}, method: GET}]"), []],
    [http("timeouts: {request: 10s, backendRequest: 1s500ms}"), []],
    [http("timeouts: {request: 0s, backendRequest: 5s}"), []],
    // Filters that we don't know are not served, and not refused.
    [http("filters: [{type: RequestMirror, requestMirror: {backendRef: {name: x}}}]"), []],
    [http("matches: [{path: {value: a}}]"), ['spec.rules[0].matches[0].path.value: "a" does not begin with "/"']],
    [
      http("matches: [{path: {type: Exact, value: ''}}]"),
      ['spec.rules[0].matches[0].path.value: "" does not begin with "/"'],
    ],
    [
      http("matches: [{path: {type: RegularExpression, value: '/(?=a)'}}]"),
      [
        'spec.rules[0].matches[0].path.value: "/(?=a)" is not a regular expression of RE2 syntax: invalid or unsupported Perl syntax: "(?="',
      ],
    ],
    [
      http("matches: [{headers: [{name: x, type: RegularExpression, value: '['}]}]"),
      [
        'spec.rules[0].matches[0].headers[0].value: "[" is not a regular expression of RE2 syntax: missing closing ]: "["',
      ],
    ],
    [
      http("matches: [{headers: [{name: 'a b', value: x}]}]"),
      ['spec.rules[0].matches[0].headers[0].name: "a b" is not a header\'s name'],
    ],
    [http("matches: [{method: 'GE T'}]"), ['spec.rules[0].matches[0].method: "GE T" is not a method']],
    [
      http("filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: a}}}]"),
      ['spec.rules[0].filters[0].requestRedirect.path.replaceFullPath: "a" does not begin with "/"'],
    ],
    [
      http(
        "filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: \"b\\r\\nc\"}], remove: ['x:']}}]",
      ),
      [
        "spec.rules[0].filters[0].requestHeaderModifier.set[0].value: holds a line break or NUL",
        'spec.rules[0].filters[0].requestHeaderModifier.remove[0]: "x:" is not a header\'s name',
      ],
    ],
    [
      http(
        "filters: [{type: RequestMirror, requestMirror: {percent: 101}}, 5, {type: URLRewrite, urlRewrite: {hostname: 5}}, null]",
      ),
      [
        "spec.rules[0].filters[3]: is required",
        "spec.rules[0].filters[1]: is not an object",
        "spec.rules[0].filters[0].requestMirror.backendRef: is required",
        "spec.rules[0].filters[0].requestMirror.percent: 101 is not a whole number from 0 to 100",
        "spec.rules[0].filters[2].urlRewrite.hostname: is not a text",
      ],
    ],
    [http("backendRefs: [{name: web}]"), ["spec.rules[0].backendRefs[0]: a Service as a backend needs a port"]],
    [
      http("timeouts: {request: 1s, backendRequest: 2s}"),
      ["spec.rules[0].timeouts.backendRequest: is longer than the timeout of the whole request"],
    ],
    [
      http("timeouts: {request: 1.5s}"),
      ['spec.rules[0].timeouts.request: "1.5s" is not a duration such as 500ms, 10s or 1h30m'],
    ],
    [
      "parentRefs: [{group: policy.linkerd.io, kind: EgressNetwork, name: all}]",
      ["spec.parentRefs[0]: an EgressNetwork as a parent needs a port"],
    ],
  ])("of the Gateway API: %s", async (spec, problems) => {
    expect((await judge(gateway, "HTTPRoute", spec)).problems).toEqual(problems);
    expect((await judge(policy, "HTTPRoute", spec)).problems).toEqual(problems);
  });

  test("of an ingress controller is not our business", async () => {
    const spec = "{parentRefs: [{name: ingress}], rules: [{matches: [{path: {value: a}}]}]}";
    expect((await judge(gateway, "HTTPRoute", spec)).problems).toEqual([]);
  });

  test.each([
    ["retry.linkerd.io/http", "5xx,gateway-error,429,500-504", null],
    ["retry.linkerd.io/http", "6xx", 'lists "6xx"'],
    ["retry.linkerd.io/http", "504-500", 'lists "504-500"'],
    ["retry.linkerd.io/grpc", "unavailable,deadline-exceeded", null],
    ["retry.linkerd.io/grpc", "unknown", 'lists "unknown"'],
    ["retry.linkerd.io/limit", "3", null],
    ["retry.linkerd.io/limit", "-1", "is not a whole number"],
    ["retry.linkerd.io/timeout", "400ms", null],
    ["timeout.linkerd.io/request", "1.5s", "is not a duration"],
    ["timeout.linkerd.io/idle", "5", "is not a duration"],
  ])("annotation %s with %j", async (key, value, wrong) => {
    const { problems } = await judge(gateway, "HTTPRoute", `{${parent}}`, { annotations: { [key]: value } });
    if (wrong === null) expect(problems).toEqual([]);
    else expect(problems[0]).toStartWith(`metadata.annotations["${key}"]: "${value}" ${wrong}`);
  });
});

describe("GRPCRoute", () => {
  test.each([
    [http("matches: [{method: {service: helloworld.Greeter, method: SayHello}}]"), []],
    [http("matches: [{method: {type: RegularExpression, service: 'hello.*'}}]"), []],
    [
      http("matches: [{method: {type: RegularExpression, method: '(?=a)'}}]"),
      [
        'spec.rules[0].matches[0].method.method: "(?=a)" is not a regular expression of RE2 syntax: invalid or unsupported Perl syntax: "(?="',
      ],
    ],
    [http("matches: [{method: {}}]"), ['spec.rules[0].matches[0].method: "service" or "method" is needed']],
    [
      http("matches: [{method: {service: 'a/b'}}]"),
      ['spec.rules[0].matches[0].method.service: "a/b" is not a gRPC name'],
    ],
    [http("backendRefs: [{name: web}]"), ["spec.rules[0].backendRefs[0]: a Service as a backend needs a port"]],
    [
      "parentRefs: [{group: policy.linkerd.io, kind: EgressNetwork, name: all}]",
      ["spec.parentRefs[0]: an EgressNetwork as a parent needs a port"],
    ],
  ])("%s", async (spec, problems) => {
    expect((await judge(gateway, "GRPCRoute", spec)).problems).toEqual(problems);
  });
});

describe.each(["TCPRoute", "TLSRoute"])("%s", (kind) => {
  const backends = "backendRefs: [{name: web, port: 80}]";
  test.each([
    [`{${parent}, rules: [{${backends}}]}`, []],
    [`{${parent}, rules: []}`, ["spec.rules: exactly one rule is possible, not 0"]],
    [`{${parent}, rules: [{${backends}}, {${backends}}]}`, ["spec.rules: exactly one rule is possible, not 2"]],
    [
      `{parentRefs: [{group: policy.linkerd.io, kind: EgressNetwork, name: all}], rules: [{${backends}}]}`,
      ["spec.parentRefs[0]: an EgressNetwork as a parent needs a port"],
    ],
  ])("%s", async (spec, problems) => {
    expect((await judge("gateway.networking.k8s.io/v1alpha2", kind, spec)).problems).toEqual(problems);
  });
});

describe("Service", () => {
  const warningsOf = async (annotations: Record<string, string>): Promise<readonly string[]> => {
    const { problems, warnings } = await judge("v1", "Service", "{ports: [{name: db, port: 5432}]}", { annotations });
    expect(problems).toEqual([]);
    return warnings;
  };
  test.each([
    [{ "retry.linkerd.io/http": "5xx", "balancer.linkerd.io/failure-accrual": "consecutive", other: "x" }, []],
    [
      { "balancer.linkerd.io/failure-accrual": "on" },
      [
        'metadata.annotations["balancer.linkerd.io/failure-accrual"]: "on" is neither "consecutive" nor "unified"; it has no effect',
      ],
    ],
    [
      { "retry.linkerd.io/limits": "3" },
      ['metadata.annotations["retry.linkerd.io/limits"]: is not known and has no effect'],
    ],
    [
      { "balancer.linkerd.io/failure-accrual-consecutive-min-penalty": "2m" },
      [
        'metadata.annotations["balancer.linkerd.io/failure-accrual-consecutive-min-penalty"]: is longer than the maximum penalty',
      ],
    ],
    [
      { "config.linkerd.io/opaque-ports": "db,80-90,x" },
      ['metadata.annotations["config.linkerd.io/opaque-ports"]: "x" is neither a port nor a range of ports'],
    ],
  ])("%j is taken, with a warning where it says nothing", async (annotations, warnings) => {
    expect(await warningsOf(annotations as unknown as Record<string, string>)).toEqual(warnings);
  });
});
