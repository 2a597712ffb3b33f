import { describe, expect, test } from "bun:test";
import { testIssuer, TestIssuer } from "#lib/jwt/testing/issuer.ts";
import { judge } from "../admission/testing.ts";
import { serverMessage } from "../api/inbound-message.ts";
import { pod } from "../testing/builders.ts";
import { policyObject } from "../testing/policy-objects.ts";
import { type PolicyObject, TestCluster } from "../testing/test-cluster.ts";
import { watchInbound } from "./inbound.ts";

const { keySet } = new TestIssuer();
const spec = (more: object = {}): string =>
  JSON.stringify({ issuer: testIssuer, audiences: ["api"], jwks: keySet, ...more });
const server = policyObject("Server", "srv", "{podSelector: {}, port: 8080}");
const policy = policyObject(
  "AuthorizationPolicy",
  "tokens",
  "{targetRef: {kind: Server, name: srv}, requiredAuthenticationRefs: [{kind: JWTAuthentication, name: users}, {kind: ServiceAccount, name: web}]}",
);
const users = policyObject("JWTAuthentication", "users", spec({ claims: [{ name: "groups", values: ["admin"] }] }));

function inbound(...objects: PolicyObject[]) {
  const cluster = new TestCluster().pods(pod({ name: "a", ip: "10.0.0.1" })).policies(...objects);
  const settings = {
    ...cluster.settings,
    defaultPolicy: "all-unauthenticated" as const,
    clusterNetworks: [],
    probeNetworks: [],
  };
  const { value } = watchInbound(cluster.index, settings, { namespace: "web", pod: "a", port: 8080 });
  return {
    cluster,
    message: () => {
      const now = value.get();
      if (now === null) throw new Error("no policy");
      return serverMessage(now);
    },
    watch: () => value.watch(() => {}),
  };
}

describe("A JWTAuthentication", () => {
  test("is apart from the authorizations that ask for no token, with what else the policy asks for", () => {
    const { authorizations, jwtAuthorizations } = inbound(server, policy, users).message();
    expect(authorizations).toEqual([]);
    expect(jwtAuthorizations).toMatchObject([
      {
        issuer: testIssuer,
        audiences: ["api"],
        claims: [{ name: "groups", values: ["admin"] }],
        keySet,
        authz: {
          metadata: { kind: { value: { name: "tokens" } } },
          authentication: {
            permit: {
              case: "meshTLS",
              value: {
                clients: {
                  value: { identities: [{ name: "web.web.serviceaccount.identity.linkerd.cluster.local" }] },
                },
              },
            },
          },
        },
      },
    ]);
  });

  test("that is not there permits nobody; once it is there proxies hear of it", () => {
    const { cluster, message, watch } = inbound(server, policy);
    const stop = watch();
    expect(message()).toMatchObject({ authorizations: [], jwtAuthorizations: [] });
    cluster.policies(users);
    cluster.settle();
    expect(message().jwtAuthorizations).toHaveLength(1);
    stop();
  });

  test("of a route is in the route", () => {
    const forRoute = policyObject(
      "AuthorizationPolicy",
      "tokens",
      "{targetRef: {group: policy.linkerd.io, kind: HTTPRoute, name: r}, requiredAuthenticationRefs: [{group: policy.linkerd-ts.dev, kind: JWTAuthentication, name: users}]}",
    );
    const route = policyObject(
      "HTTPRoute",
      "r",
      "{parentRefs: [{group: policy.linkerd.io, kind: Server, name: srv}], rules: [{matches: [{path: {value: /x}}]}]}",
      { apiVersion: "policy.linkerd.io/v1beta3" },
    );
    const { protocol, jwtAuthorizations } = inbound(server, forRoute, route, users).message();
    expect(jwtAuthorizations).toEqual([]);
    const kind = protocol?.kind;
    expect(kind?.case === "detect" && kind.value.httpRoutes).toMatchObject([{ jwtAuthorizations: [{ keySet }] }]);
  });

  test.each<[string, object, string]>([
    ["no issuer", { issuer: undefined }, "spec.issuer: is required"],
    ["an empty issuer", { issuer: "" }, "spec.issuer: is empty"],
    ["no audience", { audiences: [] }, "spec.audiences: is empty"],
    ["no keys", { jwks: undefined }, "spec: needs either jwks or jwksUri"],
    ["keys that are none", { jwks: "{" }, "spec.jwks: is not JSON"],
    [
      "a shared secret",
      { jwks: '{"keys":[{"kty":"oct","k":"eA"}]}' },
      "spec.jwks: has a shared secret; whoever checks tokens could make them",
    ],
    ["another field", { algorithm: "none" }, "spec.algorithm: is not a known field"],
    [
      "a claim twice",
      {
        claims: [
          { name: "g", values: ["a"] },
          { name: "g", values: ["b"] },
        ],
      },
      'spec.claims[1].name: "g" is asked for twice; name all its values at once',
    ],
  ])("with %s is refused, and permits nobody when it is stored", async (_what, more, problem) => {
    const { problems } = await judge("policy.linkerd-ts.dev/v1alpha1", "JWTAuthentication", spec(more));
    expect(problems).toEqual([problem]);
    const broken = (): unknown => inbound(server, policy, policyObject("JWTAuthentication", "users", spec(more)));
    // A watch counts what can't be read as absent.
    expect(broken).toThrow(problem);
  });

  test("is named once in a policy", async () => {
    const twice =
      "{targetRef: {kind: Server, name: srv}, requiredAuthenticationRefs: [{kind: JWTAuthentication, name: a}, {kind: JWTAuthentication, name: b}]}";
    const { problems } = await judge("policy.linkerd.io/v1alpha1", "AuthorizationPolicy", twice);
    expect(problems).toEqual(["spec.requiredAuthenticationRefs: at most one JWTAuthentication is possible"]);
  });
});
