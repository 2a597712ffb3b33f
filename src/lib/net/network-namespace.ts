/** Working in another network namespace from this process. */
import { closeSync, openSync } from "node:fs";
import { MeshError } from "../errors.ts";
import { enterNetworkNamespace } from "./libc.ts";

/**
 * Runs `make`, which must be synchronous, with this thread inside the namespace whose file is `path`. A socket stays in
 * the namespace that it was made in, so it can be used from outside afterwards. Needs CAP_SYS_ADMIN.
 */
export function inNetworkNamespace<T>(path: string, make: () => T): T {
  const other = openNamespace(path);
  try {
    const own = openNamespace("/proc/thread-self/ns/net");
    try {
      const errno = enterNetworkNamespace(other);
      if (errno !== 0)
        throw new MeshError("environment", `Entering the network namespace "${path}" failed with error ${errno}`);
      try {
        return make();
      } finally {
        // Staying in a pod's network would make everything that follows wrong: better no process at all.
        if (enterNetworkNamespace(own) !== 0) process.abort();
      }
    } finally {
      closeSync(own);
    }
  } finally {
    closeSync(other);
  }
}

function openNamespace(path: string): number {
  try {
    return openSync(path, "r");
  } catch (cause) {
    const missing = (cause as { code?: unknown }).code === "ENOENT";
    throw new MeshError(missing ? "not-found" : "environment", `Opening the network namespace "${path}" failed`, {
      cause,
    });
  }
}
