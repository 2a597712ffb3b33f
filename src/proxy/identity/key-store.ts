/**
 * The key and signing request of this workload in its identity directory, in the files of Linkerd's identity agent:
 * key.p8 (PKCS#8 DER) and csr.der. The key lives as long as the directory: renewals reuse it.
 */
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import { readSmallFile, writeSmallFile } from "#lib/small-files.ts";
import { csrInfo, readCsr, signedCsr } from "#lib/x509/csr.ts";
import { createWebKey, loadWebKey, type WebKey } from "#lib/x509/web-crypto.ts";
import type { Identity } from "#model/identity.ts";

export interface KeyAndCsr {
  readonly key: WebKey;
  /** DER. */
  readonly csr: Uint8Array;
}

/**
 * Reads both files, makes what is missing and writes it back where the directory allows. Files that are there but
 * can't be used are an error ("invalid-argument"): replacing somebody else's key silently would hide a mistake.
 */
export async function openKeyStore(dir: string, name: Identity, log: Log): Promise<KeyAndCsr> {
  const [keyPath, csrPath] = [`${dir}/key.p8`, `${dir}/csr.der`];
  const keyBytes = readIfThere(keyPath);
  const key = keyBytes === null ? await createWebKey() : await named(keyPath, () => loadWebKey(keyBytes));
  if (keyBytes === null) save(dir, keyPath, key.privateKeyDer, log);
  // A request for another key is of no use: it belongs to a key that is gone.
  const csrBytes = keyBytes === null ? null : readIfThere(csrPath);
  if (csrBytes !== null) {
    // Its signature is for the identity service to check.
    const { csr } = await named(csrPath, () => Promise.resolve(readCsr(csrBytes)));
    if (Buffer.compare(csr.publicKeyDer, key.publicKeyDer) !== 0) {
      throw new MeshError("invalid-argument", `"${csrPath}" is for another key than key.p8`);
    }
    if (csr.dnsNames.length === 1 && csr.dnsNames[0] === name) return { key, csr: csrBytes };
    log.info("The signing request is for another name and is made anew", { dir, names: csr.dnsNames.join(",") });
  }
  const info = csrInfo(key.publicKeyDer, name);
  const csr = signedCsr(info, await key.sign(info));
  save(dir, csrPath, csr, log);
  return { key, csr };
}

function readIfThere(path: string): Uint8Array | null {
  try {
    return readSmallFile(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw new MeshError("environment", `Reading "${path}" failed`, { cause: error });
  }
}

function save(dir: string, path: string, content: Uint8Array, log: Log): void {
  try {
    writeSmallFile(path, content);
  } catch (error) {
    // A read-only directory is a way to run: the key then lives in memory alone.
    log.info("The identity directory can't be written, the key stays in memory", {
      dir,
      path,
      code: systemCode(error),
    });
  }
}

async function named<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw new MeshError("invalid-argument", `"${path}" can't be used`, { cause: error });
  }
}

function systemCode(error: unknown): string {
  const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
  return typeof code === "string" ? code : "";
}
