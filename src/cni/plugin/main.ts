import { existsSync, readSync } from "node:fs";
import { systemClock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import { createLog, stderrSink } from "#lib/log.ts";
import { inNetworkNamespace } from "#lib/net/network-namespace.ts";
import { KubeClient } from "#kube/client.ts";
import { loadClusterAccess } from "#kube/config.ts";
import { objectPath, resources } from "#kube/resource.ts";
import type { Pod } from "#kube/types/core.ts";
import { existingTables, installTable } from "../nftables/apply.ts";
import { answer, type PluginTools } from "./app.ts";
import { inputLimit } from "./protocol.ts";

/** ms for one question; the kubelet waits about two minutes for a pod's network. */
const questionTimeout = 5000;

const tools: PluginTools = {
  findPod: async (kubeconfig, namespace, name) => {
    const client = new KubeClient(loadClusterAccess({ kubeconfig, env: {}, clock: systemClock }));
    const action = `get pod "${namespace}/${name}"`;
    try {
      return await client.json<Pod>("GET", objectPath(resources.pods, name, namespace), {
        action,
        timeout: questionTimeout,
      });
    } catch (thrown) {
      if (thrown instanceof MeshError && thrown.code === "not-found") return null;
      throw thrown;
    }
  },
  install: (netns, table) => inNetworkNamespace(netns, () => installTable(table)),
  installed: (netns, table) => inNetworkNamespace(netns, () => existingTables(table).length > 0),
  log: (level) => createLog(stderrSink(level), "linkerd::cni"),
  exists: existsSync,
};

/** Standard input to its end; the runtime closes it. */
function readInput(): string {
  const chunks: Buffer[] = [];
  let size = 0;
  for (;;) {
    const chunk = Buffer.alloc(65_536);
    const read = readSync(0, chunk);
    if (read === 0) return Buffer.concat(chunks).toString();
    size += read;
    if (size > inputLimit) throw new MeshError("resource-exhausted", "The network configuration is over 1 MiB");
    chunks.push(chunk.subarray(0, read));
  }
}

/** One call of the container runtime: the request in the environment and on standard input, the answer on standard output. */
export async function main(): Promise<number> {
  // The runtime's environment is about other servers: its proxy for pulling images can't be asked for pods.
  for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]) {
    delete process.env[name];
    delete process.env[name.toLowerCase()];
  }
  const { output, exitCode } = await answer(process.env, readInput(), tools);
  if (output !== null) process.stdout.write(`${JSON.stringify(output)}\n`);
  return exitCode;
}
