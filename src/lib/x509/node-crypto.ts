/**
 * node:crypto, loaded when it is first used: it brings node:stream and takes 1.7 MB of private memory for the life of the
 * process, which a proxy, one per pod, has better uses for.
 */
import type * as NodeCrypto from "node:crypto";

export function nodeCrypto(): typeof NodeCrypto {
  return process.getBuiltinModule("node:crypto");
}
