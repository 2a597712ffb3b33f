/**
 * Writes tar archives (POSIX.1-2001 "pax", pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html): the same entries
 * give the same bytes. Entries are sorted by path, times are 0, owners have no names.
 */
import { MeshError } from "#lib/errors.ts";

interface EntryBase {
  /** Path inside the archive without a leading "/", for example "etc/passwd". */
  readonly path: string;
  /** Permission bits; default 0o755 for folders, 0o644 for files. */
  readonly mode?: number;
}

/** Something in an archive. Everything belongs to user and group 0. */
export type TarEntry =
  | (EntryBase & {
      readonly kind: "file";
      readonly data: Uint8Array;
      /** Value of the `security.capability` attribute (capabilities(7)), see file-capabilities.ts. */
      readonly capabilities?: Uint8Array;
    })
  | (EntryBase & { readonly kind: "folder" })
  | (EntryBase & { readonly kind: "link"; readonly target: string });

const block = 512;
const kinds = { file: "0", link: "2", folder: "5", extension: "x" } as const;

/** ustar's size field has 11 octal digits: 8 GiB. */
const maxSize = 0o77777777777;

/** The archive of `entries`; folders that an entry is in are added where they are missing. */
export function tar(entries: readonly TarEntry[]): Uint8Array {
  const byPath = new Map<string, TarEntry>();
  for (const entry of entries) {
    const path = entry.path.replace(/^\/+|\/+$/g, "");
    if (byPath.has(path)) throw new MeshError("conflict", `The archive has "${path}" twice`);
    byPath.set(path, { ...entry, path });
  }
  for (const { path } of [...byPath.values()]) {
    for (let slash = path.lastIndexOf("/"); slash > 0; slash = path.lastIndexOf("/", slash - 1)) {
      const folder = path.slice(0, slash);
      if (!byPath.has(folder)) byPath.set(folder, { kind: "folder", path: folder });
    }
  }
  const parts: Uint8Array[] = [];
  for (const path of [...byPath.keys()].toSorted(byBytes)) parts.push(...blocks(byPath.get(path)!));
  parts.push(new Uint8Array(2 * block));
  return Buffer.concat(parts);
}

/** By code unit, not by locale; a folder sorts before what is in it. */
function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function blocks(entry: TarEntry): Uint8Array[] {
  const name = entry.kind === "folder" ? `${entry.path}/` : entry.path;
  const target = entry.kind === "link" ? entry.target : "";
  const data = entry.kind === "file" ? entry.data : new Uint8Array(0);
  const mode = entry.mode ?? (entry.kind === "folder" ? 0o755 : entry.kind === "link" ? 0o777 : 0o644);
  const records: Uint8Array[] = [];
  if (Buffer.byteLength(name) > 100) records.push(record("path", Buffer.from(name)));
  if (Buffer.byteLength(target) > 100) records.push(record("linkpath", Buffer.from(target)));
  if (entry.kind === "file" && entry.capabilities !== undefined) {
    records.push(record("SCHILY.xattr.security.capability", entry.capabilities));
  }
  const parts: Uint8Array[] = [];
  if (records.length > 0) {
    const extension = Buffer.concat(records);
    parts.push(header({ name: "pax", size: extension.length, mode: 0o644, kind: "extension", target: "" }));
    parts.push(extension, padding(extension.length));
  }
  parts.push(header({ name, size: data.length, mode, kind: entry.kind, target }), data, padding(data.length));
  return parts;
}

/** "LENGTH key=value\n", where LENGTH counts itself. */
function record(key: string, value: Uint8Array): Uint8Array {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from("\n")]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function padding(size: number): Uint8Array {
  return new Uint8Array((block - (size % block)) % block);
}

function header(fields: {
  readonly name: string;
  readonly size: number;
  readonly mode: number;
  readonly kind: keyof typeof kinds;
  readonly target: string;
}): Uint8Array {
  if (fields.size > maxSize) throw new MeshError("invalid-argument", `"${fields.name}" is too big for an archive`);
  const bytes = Buffer.alloc(block);
  const octal = (value: number, offset: number, width: number): void => {
    bytes.write(`${value.toString(8).padStart(width - 1, "0")}\0`, offset, "latin1");
  };
  // A longer name is in the extension before; what is cut here is for readers that don't know those.
  bytes.write(fields.name, 0, 100, "utf8");
  octal(fields.mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(fields.size, 124, 12);
  octal(0, 136, 12);
  bytes.write("        ", 148, "latin1");
  bytes.write(kinds[fields.kind], 156, "latin1");
  bytes.write(fields.target, 157, 100, "utf8");
  bytes.write("ustar\x0000", 257, "latin1");
  octal(0, 329, 8);
  octal(0, 337, 8);
  let sum = 0;
  for (const byte of bytes) sum += byte;
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return bytes;
}
