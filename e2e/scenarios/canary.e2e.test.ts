/** A new version gets more and more of a Service's requests, under load, until it has all of them. Needs kubectl. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { applyFile, emojivotoFile, installControlPlane, waitForDeployments } from "../../scripts/mesh.ts";
import { eventually, hasKubectl, ok, startCluster, toolboxImage, type TestCluster } from "../harness/cluster.ts";

const client = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: client, namespace: emojivoto}
spec:
  selector: {matchLabels: {app: client}}
  template:
    metadata: {labels: {app: client}}
    spec:
      containers: [{name: shell, image: "${toolboxImage}", command: [sleep, infinity]}]
`;

/** Percent of requests for the new version, step by step. */
const steps = [5, 25, 50, 75, 95, 100];
const measured = 10_000;
/** Sent while a step is made. */
const meanwhile = 3000;

describe.skipIf(!hasKubectl)("a canary", () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await startCluster("canary");
    await installControlPlane(cluster.client);
    await waitForDeployments(cluster.client, "linkerd", 90_000);
    await applyFile(cluster.client, emojivotoFile);
    await apply(client);
    await waitForDeployments(cluster.client, "emojivoto", 90_000);
  }, 200_000);
  afterAll(async () => {
    await cluster?.stop();
  });

  const apply = (yaml: string) => ok(cluster.kubectl(["apply", "-f", "-"], yaml));
  const remove = (what: string) => ok(cluster.kubectl(["delete", "-n", "emojivoto", what]));

  /**
   * How often each status came, of so many requests over four connections. The new version is told by its 404: it is another
   * application, that has no such page. "000" is a request without an answer.
   */
  async function ask(times: number): Promise<Record<string, number>> {
    const load = `curl -s -Z --parallel-max 4 -m 60 -o /dev/null -w '%{http_code}\\n' 'http://voting:8080/api/leaderboard?[1-${times}]'`;
    const out = await ok(
      cluster.kubectl(["exec", "-n", "emojivoto", "deploy/client", "-c", "shell", "--", "sh", "-c", load]),
    );
    const counts: Record<string, number> = {};
    for (const status of out.trim().split(/\s+/)) counts[status] = (counts[status] ?? 0) + 1;
    return counts;
  }
  /** Percent of the new version; none of the requests may be lost. */
  async function share(times: number): Promise<number> {
    const { "200": old = 0, "404": fresh = 0, ...others } = await ask(times);
    expect(others).toEqual({});
    expect(old + fresh).toBe(times);
    return (fresh * 100) / times;
  }

  /** Makes each step while requests come, then counts. */
  async function drive(
    name: string,
    percents: readonly number[],
    step: (percent: number) => Promise<unknown>,
  ): Promise<void> {
    const shares: string[] = [];
    for (const percent of percents) {
      const [duringStep] = await Promise.all([share(meanwhile), step(percent)]);
      expect(duringStep).toBeWithin(0, 101);
      await eventually(`a share of about ${percent} %`, 10_000, async () =>
        Math.abs((await share(400)) - percent) <= 5 ? true : null,
      );
      const counted = await share(measured);
      shares.push(`${percent} % → ${counted.toFixed(2)} %`);
      expect(Math.abs(counted - percent)).toBeLessThanOrEqual(percent === 100 ? 0 : 2);
    }
    console.log(`${name}: ${shares.join(", ")} of ${measured} requests each, none lost`);
  }

  test("by an HTTPRoute's weights gets what it is given within 2 points, and no request is lost", async () => {
    await drive("HTTPRoute", steps, (percent) =>
      apply(`
apiVersion: policy.linkerd.io/v1beta3
kind: HTTPRoute
metadata: {name: canary, namespace: emojivoto}
spec:
  parentRefs: [{group: core, kind: Service, name: voting, port: 8080}]
  rules:
    - backendRefs:
        - {name: voting, port: 8080, weight: ${100 - percent}}
        - {name: emoji, port: 8080, weight: ${percent}}`),
    );
    await remove("httproutes.policy.linkerd.io/canary");
    await eventually("the old version alone", 10_000, async () => ((await share(100)) === 0 ? true : null));
  }, 240_000);

  test("by a TrafficSplit's weights as well", async () => {
    await drive("TrafficSplit", [5, 100], (percent) =>
      apply(`
apiVersion: split.smi-spec.io/v1alpha1
kind: TrafficSplit
metadata: {name: canary, namespace: emojivoto}
spec:
  service: voting
  backends: [{service: voting, weight: ${100 - percent}}, {service: emoji, weight: ${percent}}]`),
    );
    await remove("trafficsplit/canary");
    await eventually("the old version alone", 10_000, async () => ((await share(100)) === 0 ? true : null));
  }, 240_000);
});
