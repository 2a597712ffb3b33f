/** Finds a pod's network namespace on the node by the pod's addresses: every runtime keeps a file for each namespace. */
import { readdirSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { MeshError } from "#lib/errors.ts";
import { inNetworkNamespace } from "#lib/net/network-namespace.ts";

/** Looks at most at so many files; a node has about 250 pods. */
const lookLimit = 2000;

function addressesHere(): string[] {
  return Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address));
}

/** The path of the namespace that has one of the addresses, or null. Throws when the folder can't be read. */
export function findNamespace(folder: string, ips: readonly string[]): string | null {
  let names: string[];
  try {
    names = readdirSync(folder).slice(0, lookLimit);
  } catch (cause) {
    throw new MeshError("environment", `Reading the node's network namespaces in "${folder}" failed`, { cause });
  }
  let failure: unknown = null;
  for (const name of names) {
    const path = join(folder, name);
    try {
      if (inNetworkNamespace(path, addressesHere).some((address) => ips.includes(address))) return path;
    } catch (thrown) {
      // Gone meanwhile, or the file of a namespace that was taken down: nobody's. Anything else is told when none is found.
      if (!(thrown instanceof MeshError && thrown.code === "not-found")) failure = thrown;
    }
  }
  if (failure !== null) {
    throw new MeshError("environment", `No network namespace in "${folder}" has the address "${ips.join(", ")}"`, {
      cause: failure,
    });
  }
  return null;
}
