/** The `security.capability` attribute of a file: which capabilities its programs may have (capabilities(7), "File capabilities"). */

/** Capability numbers of linux/capability.h. */
const numbers = { NET_ADMIN: 12, NET_RAW: 13 } as const;

const revision2 = 0x02000000;
const effectiveFlag = 1;

/**
 * The attribute's value for permitted capabilities.
 * With `effective` they are in force at once, and the kernel refuses to start the program where the container may not have
 * them; without it the program starts everywhere and merely may hand them on to a program that has them too.
 */
export function fileCapabilities(names: readonly (keyof typeof numbers)[], effective: boolean): Uint8Array {
  const bytes = Buffer.alloc(20);
  let permitted = 0;
  for (const name of names) permitted |= 1 << numbers[name];
  bytes.writeUInt32LE((revision2 | (effective ? effectiveFlag : 0)) >>> 0, 0);
  bytes.writeUInt32LE(permitted >>> 0, 4);
  return bytes;
}
