/** The sample application under a known load, and what its visitor counted: the measure of "no request was lost". */
import { readFileSync } from "node:fs";
import type { Pod } from "#kube/types/core.ts";
import { resources } from "#kube/resource.ts";
import { emojivotoFile, waitForDeployments } from "../../scripts/mesh.ts";
import { eventually, ok, type TestCluster } from "./cluster.ts";
import { meshReady } from "./mesh.ts";

/** Applies the sample application, meshed, with `replicas` of each service and `rate` votes a second. */
export async function startVotes(cluster: TestCluster, options: { rate: number; replicas: number }): Promise<void> {
  const manifest = readFileSync(emojivotoFile, "utf8")
    .replaceAll("replicas: 1", `replicas: ${options.replicas}`)
    // The visitor comes last, so that it counts nothing that was not in place.
    .replace(/(name: vote-bot\n[^]*?)replicas: \d+/, "$1replicas: 0")
    .replace(/REQUESTS_PER_SECOND, value: "\d+"/, `REQUESTS_PER_SECOND, value: "${options.rate}"`);
  await meshReady(cluster);
  await ok(cluster.kubectl(["apply", "-f", "-"], manifest));
  await waitForDeployments(cluster.client, "emojivoto", 90_000);
  await ok(cluster.kubectl(["scale", "-n", "emojivoto", "deploy/vote-bot", "--replicas=1"]));
  await waitForDeployments(cluster.client, "emojivoto", 90_000);
}

export interface Votes {
  readonly sent: number;
  /** One line per vote that failed without being meant to. */
  readonly failures: readonly string[];
}

/** What the visitor counted so far; up to 10 s old. Throws when it was restarted. */
export async function votes(cluster: TestCluster): Promise<Votes> {
  const log = await ok(cluster.kubectl(["logs", "-n", "emojivoto", "deploy/vote-bot", "-c", "vote-bot"]));
  const counts = [...log.matchAll(/^sent (\d+), failed (\d+)/gm)].at(-1);
  return {
    sent: Number(counts?.[1] ?? 0),
    failures: log.split("\n").filter((line) => line.startsWith("vote for ")),
  };
}

/** Waits for the next count that is complete for everything until now. */
export async function votesFromNowOn(cluster: TestCluster): Promise<Votes> {
  const now = await votes(cluster);
  return eventually("the visitor's next count", 40_000, async () => {
    const later = await votes(cluster);
    return later.sent > now.sent ? later : null;
  });
}

/** Throws with the first failed votes and what the proxies of the application warned of: there is no second look at them. */
export async function expectNoneFailed(cluster: TestCluster, { sent, failures }: Votes): Promise<void> {
  if (failures.length === 0) return;
  const { items } = await cluster.client.list<Pod>(resources.pods, { namespace: "emojivoto" });
  const warnings = items.map(async ({ metadata: { name } }) => {
    const log = await cluster.kubectl(["logs", "-n", "emojivoto", name, "-c", "linkerd-proxy"]);
    const lines = log.out.split("\n").filter((line) => /\b(?:WARN|ERROR|failed)\b/i.test(line));
    return [`${name}:`, ...lines.slice(-8)].join("\n  ");
  });
  throw new Error(
    [`${failures.length} of ${sent} votes failed:`, ...failures.slice(0, 3), ...(await Promise.all(warnings))].join(
      "\n",
    ),
  );
}

/** Restarts of all containers of a namespace, by pod and container. */
export async function restarts(cluster: TestCluster, namespace: string): Promise<Record<string, number>> {
  const { items } = await cluster.client.list<Pod>(resources.pods, { namespace });
  const counts: Record<string, number> = {};
  for (const pod of items) {
    for (const status of [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]) {
      counts[`${pod.metadata.name}/${status.name}`] = status.restartCount ?? 0;
    }
  }
  return counts;
}
