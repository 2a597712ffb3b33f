/**
 * The promise of an uneventful life: certificates that live 20 s are renewed all the time, deployments restart, the
 * control plane goes away for a minute, and no request fails.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { resources } from "#kube/resource.ts";
import type { Pod } from "#kube/types/core.ts";
import { applyFile, emojivotoFile, waitForDeployments } from "../../scripts/mesh.ts";
import { eventually, hasKubectl, startCluster, type TestCluster } from "../harness/cluster.ts";
import { installMesh } from "../harness/mesh.ts";

const seconds = Number(process.env["SOAK_SECONDS"] ?? "300");
const rate = 300;
const outage = 60;

describe.skipIf(!hasKubectl)("certificates of 20 s life and 300 requests a second", () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await startCluster("rotation");
    await installMesh(cluster, { identity: { issuer: { issuanceLifetime: "20s", clockSkewAllowance: "1s" } } });
    await applyFile(cluster.client, emojivotoFile);
    for (const name of ["web", "emoji", "voting"]) {
      await cluster.client.patch(resources.deployments, { name, namespace: "emojivoto" }, "merge", {
        spec: { replicas: 2 },
      });
    }
    await waitForDeployments(cluster.client, "emojivoto", 90_000);
    await cluster.kubectl(["set", "env", "-n", "emojivoto", "deploy/vote-bot", `REQUESTS_PER_SECOND=${rate}`]);
    await waitForDeployments(cluster.client, "emojivoto", 90_000);
  });
  afterAll(async () => {
    await cluster?.stop();
  });

  async function restart(...names: string[]): Promise<void> {
    const { code, err } = await cluster.kubectl([
      "rollout",
      "restart",
      "-n",
      "emojivoto",
      ...names.map((name) => `deploy/${name}`),
    ]);
    if (code !== 0) throw new Error(err);
    await waitForDeployments(cluster.client, "emojivoto", 90_000);
  }

  async function scaleControlPlane(replicas: number): Promise<void> {
    for (const name of ["linkerd-identity", "linkerd-destination", "linkerd-proxy-injector"]) {
      await cluster.client.patch(resources.deployments, { name, namespace: "linkerd" }, "merge", {
        spec: { replicas },
      });
    }
    if (replicas > 0) {
      await waitForDeployments(cluster.client, "linkerd", 60_000);
      return;
    }
    // Killed, not asked: pods go without their grace, also those that a ReplicaSet made before it heard of its end.
    await eventually("the control plane's end", 30_000, async () => {
      const { items } = await cluster.client.list<Pod>(resources.pods, { namespace: "linkerd" });
      for (const { metadata } of items) {
        await cluster.client.delete(resources.pods, metadata.name, "linkerd", { gracePeriodSeconds: 0 });
      }
      return items.length === 0 ? true : null;
    });
  }

  test(
    `lose no request in ${seconds} s of restarts with the control plane away for ${outage} s`,
    async () => {
      const start = performance.now();
      const elapsed = (): number => (performance.now() - start) / 1000;
      const half = (seconds - outage) / 2;
      const targets = ["web", "emoji", "voting"];
      let restarts = 0;
      for (; elapsed() < half; restarts++) {
        await restart(targets[restarts % targets.length]!);
        await Bun.sleep(10_000);
      }
      await scaleControlPlane(0);
      await Bun.sleep(outage * 1000);
      await scaleControlPlane(1);
      for (; elapsed() < seconds; restarts++) {
        await restart(targets[restarts % targets.length]!);
        await Bun.sleep(10_000);
      }

      const { out: log } = await cluster.kubectl(["logs", "-n", "emojivoto", "deploy/vote-bot", "-c", "vote-bot"]);
      const failures = log.split("\n").filter((line) => line.startsWith("vote for "));
      const [, sent = "0", failed = ""] = [...log.matchAll(/^sent (\d+), failed (\d+)/gm)].at(-1) ?? [];
      console.log(`${sent} votes sent, ${failed} failed, ${restarts} restarts`);
      expect(failures).toEqual([]);
      expect(failed).toBe("0");
      expect(Number(sent)).toBeGreaterThan(seconds * rate * 0.8);

      const { out: metrics } = await cluster.linkerd([
        "diagnostics",
        "proxy-metrics",
        "-n",
        "emojivoto",
        "deploy/vote-bot",
      ]);
      const refreshes = Number(/^control_identity_cert_refreshes_total (\d+)/m.exec(metrics)?.[1] ?? 0);
      // One renewal each 14 s (70 % of 20 s), none while the control plane was away.
      expect(refreshes).toBeGreaterThan(((seconds - outage) / 14) * 0.6);
    },
    (seconds + 300) * 1000,
  );
});
