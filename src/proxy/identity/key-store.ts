/**
 * The key and signing request of this workload in its identity directory, in the files of Linkerd's identity agent:
 * key.p8 (PKCS#8 DER) and csr.der. The key lives as long as the directory: renewals reuse it.
 */
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import { createCsr, parseCsr } from "#lib/x509/csr.ts";
import { createKey, loadKey, type Key } from "#lib/x509/key.ts";
import type { Identity } from "#model/identity.ts";

export interface KeyAndCsr {
  readonly key: Key;
  /** DER. */
  readonly csr: Uint8Array;
}

/**
 * Reads both files, makes what is missing and writes it back where the directory allows. Files that are there but
 * can't be used are an error ("invalid-argument"): replacing somebody else's key silently would hide a mistake.
 */
export function openKeyStore(dir: string, name: Identity, log: Log): KeyAndCsr {
  const keyBytes = readIfThere(join(dir, "key.p8"));
  const key = keyBytes === null ? createKey() : named(join(dir, "key.p8"), () => loadKey(keyBytes));
  if (keyBytes === null) save(dir, "key.p8", key.privateKeyDer, log);
  // A request for another key is of no use: it belongs to a key that is gone.
  const csrBytes = keyBytes === null ? null : readIfThere(join(dir, "csr.der"));
  if (csrBytes !== null) {
    const csr = named(join(dir, "csr.der"), () => parseCsr(csrBytes));
    if (Buffer.compare(csr.publicKeyDer, key.publicKeyDer) !== 0) {
      throw new MeshError("invalid-argument", `"${join(dir, "csr.der")}" is for another key than key.p8`);
    }
    if (csr.dnsNames.length === 1 && csr.dnsNames[0] === name) return { key, csr: csrBytes };
    log.info("The signing request is for another name and is made anew", { dir, names: csr.dnsNames.join(",") });
  }
  const csr = createCsr(key, name);
  save(dir, "csr.der", csr, log);
  return { key, csr };
}

function readIfThere(path: string): Uint8Array | null {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw new MeshError("environment", `Reading "${path}" failed`, { cause: error });
  }
}

function save(dir: string, file: string, content: Uint8Array, log: Log): void {
  try {
    writeFileSync(join(dir, file), content, { mode: 0o600 });
    // The mode above counts only for a file that is new.
    chmodSync(join(dir, file), 0o600);
  } catch (error) {
    // A read-only directory is a way to run: the key then lives in memory alone.
    log.info("The identity directory can't be written, the key stays in memory", {
      dir,
      file,
      code: systemCode(error),
    });
  }
}

function named<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new MeshError("invalid-argument", `"${path}" can't be used`, { cause: error });
  }
}

function systemCode(error: unknown): string {
  const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
  return typeof code === "string" ? code : "";
}
