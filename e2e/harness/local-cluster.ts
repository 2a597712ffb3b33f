/** A cluster of `linkerd local`, started by the command line a user would type. */
import { mkdtempSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClusterParts } from "./cluster.ts";
import { repository, run } from "./command.ts";

const linkerd = join(repository, "linkerd");

export async function startLocal(name: string): Promise<ClusterParts> {
  const stateRoot = mkdtempSync(join(tmpdir(), "linkerd-e2e-"));
  const env = { XDG_STATE_HOME: stateRoot };
  const up = await run([linkerd, "local", "up", "--detach", "--name", name], { env });
  if (up.code !== 0) throw new Error(`linkerd local up failed: ${up.err}`);
  const path = await run([linkerd, "local", "kubeconfig", "--name", name], { env });
  return {
    kind: "local",
    kubeconfig: path.out.trim(),
    kubectl: "kubectl",
    nodePid: () => nodePid(stateRoot),
    stop: async () => {
      await run([linkerd, "local", "down", "--name", name], { env });
      rmSync(stateRoot, { recursive: true, force: true });
    },
  };
}

/** The process that is the cluster's node: the one of its state folder with a network namespace of its own. */
async function nodePid(stateRoot: string): Promise<number> {
  const { out } = await run(["pgrep", "-f", "local _node"]);
  const own = readlinkSync("/proc/self/ns/net");
  for (const pid of out.trim().split("\n")) {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, "utf8").includes(stateRoot)) continue;
      if (readlinkSync(`/proc/${pid}/ns/net`) !== own) return Number(pid);
    } catch {
      continue; // It ended meanwhile.
    }
  }
  throw new Error(`The node process of the cluster in ${stateRoot} was not found`);
}
