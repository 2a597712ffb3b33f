/** The `security.capability` attribute of a file: which capabilities its program may have (capabilities(7), "File capabilities"). */

/** Capability numbers of linux/capability.h. */
const numbers = { NET_ADMIN: 12, NET_RAW: 13 } as const;

/** VFS_CAP_REVISION_2, without the effective bit. */
const revision = 0x02000000;

/**
 * The attribute's value for permitted capabilities, which the program has to make effective by itself. With the effective
 * bit the kernel would refuse to start it in containers that drop all capabilities, as the proxy's does.
 */
export function fileCapabilities(names: ReadonlyArray<keyof typeof numbers>): Uint8Array {
  const bytes = Buffer.alloc(20);
  bytes.writeUInt32LE(revision, 0);
  bytes.writeUInt32LE(
    names.reduce((bits, name) => bits | (1 << numbers[name]), 0),
    4,
  );
  return bytes;
}
