/** What a file's content is, without reading it again while it is the same file. */
import { closeSync, openSync, readSync, statSync } from "node:fs";

const chunkBytes = 1024 * 1024;

interface Known {
  /** Says which writing of which file it was. */
  readonly state: string;
  readonly hash: string;
}

/** Remembers the hash of a few paths; whatever changes a file's content changes its times, inode or size. */
export class ContentHashes {
  private readonly known = new Map<string, Known>();

  /** SHA-256 in hex. Throws what the file system throws. */
  of(path: string): string {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    const state = [dev, ino, size, mtimeNs, ctimeNs].join(" ");
    const known = this.known.get(path);
    if (known?.state === state) return known.hash;
    const hash = sha256(path);
    this.known.set(path, { state, hash });
    return hash;
  }
}

function sha256(path: string): string {
  const hasher = new Bun.CryptoHasher("sha256");
  const chunk = Buffer.allocUnsafe(chunkBytes);
  const fd = openSync(path, "r");
  try {
    for (let read = readSync(fd, chunk); read > 0; read = readSync(fd, chunk)) hasher.update(chunk.subarray(0, read));
  } finally {
    closeSync(fd);
  }
  return hasher.digest("hex");
}
