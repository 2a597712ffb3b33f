import { expect, test } from "bun:test";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { resources } from "../resource-ref.ts";
import { podObject, testKeyPem } from "../testing/fixture.ts";
import { createServer } from "../testing/server.ts";
import type { ServerFixture } from "../testing/server.ts";
import { ruleAllows } from "./rbac.ts";
import { TokenIssuer } from "./token-issuer.ts";

const spec = { namespace: "n", serviceAccount: "a", serviceAccountUid: "u", audiences: [], lifetime: 600, pod: null };

test("a token is valid from its issue to its end, signed by this cluster only", () => {
  const clock = new FakeClock();
  const issuer = new TokenIssuer({ keyPem: testKeyPem, issuer: "https://cluster", clock });
  const { token } = issuer.issue({ ...spec, pod: { name: "p", uid: "pu" } });
  expect(issuer.verify(token)).toMatchObject({
    namespace: "n",
    serviceAccount: "a",
    audiences: ["https://cluster"],
    pod: { name: "p", uid: "pu" },
  });
  const [header, body, signature] = token.split(".");
  const forged = Buffer.from(
    JSON.stringify({ ...JSON.parse(Buffer.from(body ?? "", "base64url").toString()), sub: "x" }),
  ).toString("base64url");
  expect(issuer.verify(`${header}.${forged}.${signature}`)).toBeNull();
  expect(issuer.verify(`${Buffer.from('{"alg":"none"}').toString("base64url")}.${body}.`)).toBeNull();
  expect(issuer.verify("not.a.token")).toBeNull();
  clock.advance(601_000);
  expect(issuer.verify(token)).toBeNull();
});

const wanted = {
  kind: "resource",
  verb: "get",
  group: "apps",
  resource: "deployments",
  subresource: "",
  namespace: "n",
  name: "web",
} as const;

test("rules cover verbs, groups, resources, subresources and names", () => {
  const rule = { verbs: ["get"], apiGroups: ["apps"], resources: ["deployments"] };
  expect(ruleAllows(rule, wanted)).toBeTrue();
  expect(ruleAllows(rule, { ...wanted, verb: "list" })).toBeFalse();
  expect(ruleAllows(rule, { ...wanted, group: "" })).toBeFalse();
  expect(ruleAllows(rule, { ...wanted, subresource: "scale" })).toBeFalse();
  expect(ruleAllows({ ...rule, resources: ["*/scale"] }, { ...wanted, subresource: "scale" })).toBeTrue();
  expect(ruleAllows({ ...rule, resourceNames: ["other"] }, wanted)).toBeFalse();
  expect(
    ruleAllows({ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }, { ...wanted, subresource: "status" }),
  ).toBeTrue();
  expect(
    ruleAllows({ verbs: ["get"], nonResourceURLs: ["/apis/*"] }, { kind: "path", verb: "get", path: "/apis/apps" }),
  ).toBeTrue();
  expect(
    ruleAllows({ verbs: ["get"], nonResourceURLs: ["/apis/*"] }, { kind: "path", verb: "get", path: "/metrics" }),
  ).toBeFalse();
});

async function withServer(run: (server: ServerFixture) => Promise<void>): Promise<void> {
  const server = await createServer();
  try {
    await run(server);
  } finally {
    server.listener.close();
  }
}

const post = (body: unknown): RequestInit => ({ method: "POST", body: JSON.stringify(body) });

test("without credentials, or with wrong ones, the answer is 401; health is for everybody", async () => {
  await withServer(async ({ request }) => {
    expect((await request("/api/v1/pods", { headers: { authorization: "none" } })).status).toBe(401);
    expect((await request("/api/v1/pods", { headers: { authorization: "Bearer wrong" } })).status).toBe(401);
    expect((await request("/readyz", { headers: { authorization: "none" } })).status).toBe(200);
  });
});

test("a service account may do what a role bound to it allows, in the binding's namespace only", async () => {
  await withServer(async ({ request, api }) => {
    const apiVersion = "rbac.authorization.k8s.io/v1";
    const metadata = { name: "r", namespace: "default" };
    await api.client.create(resources.roles, {
      apiVersion,
      kind: "Role",
      metadata,
      rules: [{ verbs: ["list"], apiGroups: [""], resources: ["pods"] }],
    });
    await api.client.create(resources.roleBindings, {
      apiVersion,
      kind: "RoleBinding",
      metadata,
      roleRef: { kind: "Role", name: "r" },
      subjects: [{ kind: "ServiceAccount", name: "default", namespace: "default" }],
    });
    const { token } = await api.client.createToken("default", "default", { lifetime: 600 });
    const headers = { authorization: `Bearer ${token}` };
    expect((await request("/api/v1/namespaces/default/pods", { headers })).status).toBe(200);
    expect((await request("/api/v1/pods", { headers })).status).toBe(403);
    const refused = await request("/api/v1/namespaces/kube-system/pods", { headers });
    expect(((await refused.json()) as { message: string }).message).toBe(
      'pods is forbidden: User "system:serviceaccount:default:default" cannot list resource "pods" in API group "" in the namespace "kube-system"',
    );
  });
});

test("TokenReview wants the exact audience, and the pod of a bound token alive", async () => {
  await withServer(async ({ request, api }) => {
    const pod = await api.client.create(resources.pods, podObject("web"));
    const asked = {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: {
        audiences: ["identity.l5d.io"],
        boundObjectRef: { kind: "Pod", apiVersion: "v1", name: "web", uid: pod.metadata.uid },
      },
    };
    const issued = await request("/api/v1/namespaces/default/serviceaccounts/default/token", post(asked));
    expect(issued.status).toBe(201);
    const { token } = ((await issued.json()) as { status: { token: string } }).status;
    const review = async (
      audiences: string[],
    ): Promise<{ authenticated?: boolean; user: { username?: string; extra?: unknown }; error?: string }> => {
      const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token, audiences } };
      const response = await request("/apis/authentication.k8s.io/v1/tokenreviews", post(body));
      return ((await response.json()) as { status: Awaited<ReturnType<typeof review>> }).status;
    };
    const good = await review(["identity.l5d.io", "other"]);
    expect(good.authenticated).toBeTrue();
    expect(good.user).toMatchObject({
      username: "system:serviceaccount:default:default",
      extra: { "authentication.kubernetes.io/pod-name": ["web"] },
    });
    expect((await review(["other"])).authenticated).toBeUndefined();
    expect((await review([])).error).toContain("invalid bearer token");
    expect((await request("/api", { headers: { authorization: `Bearer ${token}` } })).status).toBe(401);
    await api.client.delete(resources.pods, "default", "web");
    expect((await review(["identity.l5d.io"])).authenticated).toBeUndefined();
  });
});

test("only who may impersonate acts as another user", async () => {
  await withServer(async ({ request, api }) => {
    const asBob = await request("/api/v1/namespaces/default/pods", { headers: { "impersonate-user": "bob" } });
    expect(asBob.status).toBe(403);
    const { token } = await api.client.createToken("default", "default", { lifetime: 600 });
    const sneaky = await request("/api", {
      headers: { authorization: `Bearer ${token}`, "impersonate-user": "admin", "impersonate-group": "system:masters" },
    });
    expect(sneaky.status).toBe(403);
    expect(await sneaky.text()).toContain('cannot impersonate resource \\"users\\"');
  });
});

test("a SubjectAccessReview tells what another user may do", async () => {
  await withServer(async ({ request }) => {
    const ask = async (groups: string[]): Promise<boolean> => {
      const body = {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SubjectAccessReview",
        spec: { user: "x", groups, resourceAttributes: { verb: "get", resource: "pods", namespace: "default" } },
      };
      const response = await request("/apis/authorization.k8s.io/v1/subjectaccessreviews", post(body));
      return ((await response.json()) as { status: { allowed: boolean } }).status.allowed;
    };
    expect(await ask([])).toBeFalse();
    expect(await ask(["system:masters"])).toBeTrue();
  });
});
