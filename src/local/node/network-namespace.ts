/** Making sockets in a pod's network namespace from the node's one process. */
import { closeSync, openSync } from "node:fs";
import { MeshError } from "#lib/errors.ts";
import { enterNetworkNamespace } from "#lib/net/libc.ts";

/**
 * Runs `make`, which must be synchronous, with this thread inside the namespace. A socket stays in the namespace that it
 * was made in, so it can be used from outside afterwards.
 */
export function inNetworkNamespace<T>(path: string, make: () => T): T {
  const own = openSync("/proc/thread-self/ns/net", "r");
  const other = openSync(path, "r");
  try {
    const errno = enterNetworkNamespace(other);
    if (errno !== 0)
      throw new MeshError("environment", `Entering the network namespace "${path}" failed with error ${errno}`);
    try {
      return make();
    } finally {
      // Staying in a pod's network would make everything that follows wrong: better no node at all.
      if (enterNetworkNamespace(own) !== 0) process.abort();
    }
  } finally {
    closeSync(other);
    closeSync(own);
  }
}
