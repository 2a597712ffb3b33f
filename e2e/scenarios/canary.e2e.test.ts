/** A new version gets more and more of a Service's requests, under load, until it has all of them. Needs kubectl. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { eventually, hasKubectl } from "../harness/cluster.ts";
import { startSample, type Sample } from "../harness/sample.ts";

/** Percent of requests for the new version, step by step. */
const steps = [5, 25, 50, 75, 95, 100];
const measured = 10_000;
/** Sent while a step is made. */
const meanwhile = 3000;

describe.skipIf(!hasKubectl)("a canary", () => {
  let sample: Sample;

  beforeAll(async () => {
    sample = await startSample("canary");
  }, 200_000);
  afterAll(async () => {
    await sample?.cluster.stop();
  });

  /**
   * How often each status came, of so many requests over four connections. The new version is told by its 404: it is another
   * application, that has no such page. "000" is a request without an answer.
   */
  const ask = (times: number): Promise<Record<string, number>> =>
    sample.count(
      `curl -s -Z --parallel-max 4 -m 60 -o /dev/null -w '%{http_code}\\n' 'http://voting:8080/api/leaderboard?[1-${times}]'`,
    );
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
    let last = 0;
    for (const percent of percents) {
      const [duringStep] = await Promise.all([share(meanwhile), step(percent)]);
      expect(duringStep).toBeWithin(0, 101);
      // Nearer to this step than to the last one, so that it has arrived; all of 400 is nobody else's share.
      const near = percent === 100 ? 0 : Math.min(5, Math.abs(percent - last) / 2);
      await eventually(`a share of about ${percent} %`, 10_000, async () =>
        Math.abs((await share(400)) - percent) <= near ? true : null,
      );
      last = percent;
      const counted = await share(measured);
      shares.push(`${percent} % → ${counted.toFixed(2)} %`);
      expect(Math.abs(counted - percent)).toBeLessThanOrEqual(percent === 100 ? 0 : 2);
    }
    console.log(`${name}: ${shares.join(", ")} of ${measured} requests each, none lost`);
  }

  test("by an HTTPRoute's weights gets what it is given within 2 points, and no request is lost", async () => {
    await drive("HTTPRoute", steps, (percent) =>
      sample.apply(`
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
    await sample.remove("httproutes.policy.linkerd.io/canary");
    await eventually("the old version alone", 10_000, async () => ((await share(100)) === 0 ? true : null));
  }, 240_000);

  test("by a TrafficSplit's weights as well", async () => {
    await drive("TrafficSplit", [5, 100], (percent) =>
      sample.apply(`
apiVersion: split.smi-spec.io/v1alpha1
kind: TrafficSplit
metadata: {name: canary, namespace: emojivoto}
spec:
  service: voting
  backends: [{service: voting, weight: ${100 - percent}}, {service: emoji, weight: ${percent}}]`),
    );
    await sample.remove("trafficsplit/canary");
    await eventually("the old version alone", 10_000, async () => ((await share(100)) === 0 ? true : null));
  }, 240_000);
});
