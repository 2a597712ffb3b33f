/**
 * Who may talk to whom, and where requests go: the YAML that users write, refused where it is wrong, in force at once where it
 * is right, and seen in statuses. Needs kubectl.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { eventually, hasKubectl, ok } from "../harness/cluster.ts";
import { startSample, type Sample } from "../harness/sample.ts";

const server = `
apiVersion: policy.linkerd.io/v1beta1
kind: Server
metadata: {name: voting-http, namespace: emojivoto}
spec: {podSelector: {matchLabels: {app: voting}}, port: 8080, proxyProtocol: HTTP/1}
`;
const permission = `
apiVersion: policy.linkerd.io/v1alpha1
kind: MeshTLSAuthentication
metadata: {name: allowed, namespace: emojivoto}
spec: {identities: ["*.emojivoto.serviceaccount.identity.linkerd.cluster.local"]}
---
apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: voting-allow, namespace: emojivoto}
spec:
  targetRef: {group: policy.linkerd.io, kind: Server, name: voting-http}
  requiredAuthenticationRefs:
    - {group: policy.linkerd.io, kind: MeshTLSAuthentication, name: allowed}
    - {kind: ServiceAccount, name: client, namespace: emojivoto}
`;

describe.skipIf(!hasKubectl)("policy and routes", () => {
  let sample: Sample;

  beforeAll(async () => {
    sample = await startSample("policy");
  }, 200_000);
  afterAll(async () => {
    await sample?.cluster.stop();
  });

  const apply = (yaml: string) => sample.apply(yaml);
  const remove = (...what: string[]) => sample.remove(...what);

  /** How often each status came, of so many requests from the client's pod to the voting Service. */
  const ask = (times: number): Promise<Record<string, number>> =>
    sample.count(
      `i=0; while [ $i -lt ${times} ]; do curl -s -o /dev/null -m 5 -w '%{http_code}\\n' http://voting:8080/api/leaderboard; i=$((i+1)); done`,
    );
  const only = (status: string) =>
    eventually(`every answer is ${status}`, 10_000, async () => ((await ask(3))[status] === 3 ? true : null));

  test("what is wrong is refused with its place, what says nothing is warned of", async () => {
    const refused = async (yaml: string): Promise<string> => {
      const { code, err } = await sample.cluster.kubectl(["apply", "-f", "-"], yaml);
      expect(code).not.toBe(0);
      return err;
    };
    expect(
      await refused(`
apiVersion: policy.linkerd.io/v1alpha1
kind: NetworkAuthentication
metadata: {name: bad, namespace: emojivoto}
spec: {networks: [{cidr: 10.0.0.0/8, except: [10.0.0.0/8]}]}`),
    ).toContain('spec.networks[0].except[0]: "10.0.0.0/8" leaves nothing of its network');
    expect(
      await refused(`
apiVersion: linkerd.io/v1alpha2
kind: ServiceProfile
metadata: {name: voting.emojivoto.svc.cluster.local, namespace: emojivoto}
spec: {routes: [{name: a, condition: {pathRegex: "(?=x)"}}]}`),
    ).toContain("is not a regular expression of RE2 syntax");
    const annotated = await sample.cluster.kubectl([
      "annotate",
      "-n",
      "emojivoto",
      "service/voting",
      "retry.linkerd.io/limit=often",
    ]);
    expect(annotated.code).toBe(0);
    expect(annotated.err).toContain('"often" is not a whole number up to 65535; it has no effect');
    await ok(sample.cluster.kubectl(["annotate", "-n", "emojivoto", "service/voting", "retry.linkerd.io/limit-"]));
  });

  test("a Server closes its port, a policy opens it for those whom it names, and all of it can be taken back", async () => {
    await only("200");
    await apply(server);
    await only("403");
    await apply(permission);
    await only("200");
    await remove("authorizationpolicy/voting-allow");
    await only("403");
    await apply(permission.replace("name: client, namespace", "name: somebody-else, namespace"));
    await only("403");
    await remove("server/voting-http", "authorizationpolicy/voting-allow", "meshtlsauthentication/allowed");
    await only("200");
  }, 90_000);

  test("an HTTPRoute shares requests by weight, and its status says that it counts", async () => {
    await apply(`
apiVersion: policy.linkerd.io/v1beta3
kind: HTTPRoute
metadata: {name: split, namespace: emojivoto}
spec:
  parentRefs: [{group: core, kind: Service, name: voting, port: 8080}]
  rules: [{backendRefs: [{name: voting, port: 8080, weight: 3}, {name: emoji, port: 8080, weight: 1}]}]`);
    const conditions = async (): Promise<string> =>
      await ok(
        sample.cluster.kubectl([
          "get",
          "-n",
          "emojivoto",
          "httproutes.policy.linkerd.io/split",
          "-o",
          "jsonpath={range .status.parents[0].conditions[*]}{.type}={.reason} {end}",
        ]),
      );
    await eventually("the status", 15_000, async () =>
      (await conditions()) === "Accepted=Accepted ResolvedRefs=ResolvedRefs " ? true : null,
    );
    await eventually("both backends", 10_000, async () => ((await ask(10))["404"] === undefined ? null : true));
    // The emoji service has no leaderboard.
    const { "200": voting = 0, "404": emoji = 0 } = await ask(400);
    expect(voting + emoji).toBe(400);
    expect(emoji).toBeWithin(60, 141);
    await apply(`
apiVersion: policy.linkerd.io/v1beta3
kind: HTTPRoute
metadata: {name: split, namespace: emojivoto}
spec:
  parentRefs: [{group: core, kind: Service, name: voting, port: 8080}]
  rules: [{backendRefs: [{name: gone, port: 8080}]}]`);
    await eventually("the status", 15_000, async () =>
      (await conditions()) === "Accepted=Accepted ResolvedRefs=BackendNotFound " ? true : null,
    );
    await only("500");
    await remove("httproutes.policy.linkerd.io/split");
    await only("200");
  }, 90_000);

  test("a TrafficSplit moves a Service's requests from one backend to the other", async () => {
    const split = (voting: number, emoji: number) =>
      apply(`
apiVersion: split.smi-spec.io/v1alpha1
kind: TrafficSplit
metadata: {name: rollout, namespace: emojivoto}
spec: {service: voting, backends: [{service: voting, weight: ${voting}}, {service: emoji, weight: ${emoji}}]}`);
    await split(950, 50);
    const counts = await ask(300);
    expect(Object.keys(counts).toSorted().join()).toMatch(/^200(,404)?$/);
    await split(0, 1000);
    await only("404");
    await remove("trafficsplit/rollout");
    await only("200");
  }, 90_000);

  /** "Accepted=…" and so on, as kubectl shows it. */
  const conditionsOf = async (what: string): Promise<string> =>
    await ok(
      sample.cluster.kubectl([
        "get",
        "-n",
        "emojivoto",
        what,
        "-o",
        "jsonpath={range .status.conditions[*]}{.type}={.reason} {end}",
      ]),
    );
  const accepted = (what: string) =>
    eventually("the status", 15_000, async () =>
      (await conditionsOf(what)) === "Accepted=Accepted ResolvedRefs=ResolvedRefs " ? true : null,
    );

  test("a FaultInjection fails the requests that it means, until it is taken away", async () => {
    await apply(`
apiVersion: policy.linkerd-ts.dev/v1alpha1
kind: FaultInjection
metadata: {name: down, namespace: emojivoto}
spec: {targetRef: {kind: Service, name: voting}, header: {name: x-chaos, value: "yes"}, abort: {httpStatus: 418}}`);
    await accepted("faultinjection/down");
    const asked = (header: string) =>
      sample.count(`curl -s -o /dev/null -m 5 -H '${header}' -w '%{http_code}\\n' http://voting:8080/api/leaderboard`);
    await eventually("the fault", 10_000, async () => ((await asked("x-chaos: yes"))["418"] === 1 ? true : null));
    expect(await asked("x-chaos: no")).toEqual({ "200": 1 });
    await remove("faultinjection/down");
    await eventually("no fault", 10_000, async () => ((await asked("x-chaos: yes"))["200"] === 1 ? true : null));
  }, 60_000);

  test("a DenyPolicy shuts out whom it names although all are let in; with a mistake it shuts out all of its Server", async () => {
    const denial = (account: string): string => `
apiVersion: policy.linkerd-ts.dev/v1alpha1
kind: DenyPolicy
metadata: {name: shut-out, namespace: emojivoto}
spec:
  targetRef: {group: policy.linkerd.io, kind: Server, name: voting-http}
  clients: [{identities: ["${account}"]}]`;
    await apply(
      `${server.trim().replace("proxyProtocol", "accessPolicy: all-unauthenticated, proxyProtocol").replace("v1beta1", "v1beta3")}\n`,
    );
    await apply(denial("client.emojivoto.serviceaccount.identity.linkerd.cluster.local"));
    await accepted("denypolicy/shut-out");
    await only("403");
    await apply(denial("somebody-else.emojivoto.serviceaccount.identity.linkerd.cluster.local"));
    await only("200");
    // The webhook is away, so that a mistake is stored.
    const webhook = "validatingwebhookconfiguration/linkerd-policy-validator-webhook-config";
    const saved = await ok(sample.cluster.kubectl(["get", webhook, "-o", "json"]));
    await ok(sample.cluster.kubectl(["delete", webhook]));
    try {
      await apply(denial("*.*"));
    } finally {
      const { metadata, ...rest } = JSON.parse(saved) as { metadata: Record<string, unknown> };
      const { name, labels, annotations } = metadata;
      await apply(JSON.stringify({ ...rest, metadata: { name, labels, annotations } }));
    }
    await only("403");
    await eventually("the status", 15_000, async () =>
      (await conditionsOf("denypolicy/shut-out")) === "Accepted=UnsupportedValue ResolvedRefs=ResolvedRefs "
        ? true
        : null,
    );
    const { out } = await sample.cluster.linkerd([
      "explain",
      "-n",
      "emojivoto",
      "--from",
      "deploy/client",
      "--to",
      "svc/voting:8080",
    ]);
    expect(out).toContain(
      'DenyPolicy "shut-out": it is not valid: spec.clients[0].identities[0]: "*.*" is not an identity',
    );
    await remove("denypolicy/shut-out", "server/voting-http");
    await only("200");
  }, 90_000);
});
