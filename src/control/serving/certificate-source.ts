/** Where a webhook's serving certificate comes from. */
import type { Clock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Random } from "#lib/random.ts";
import type { ReadonlyWatchable } from "#lib/watchable.ts";
import { type KeyPairFiles, watchKeyPairFiles } from "#kube/key-pair-files.ts";
import type { KeyPair } from "#kube/webhook.ts";
import type { Flags, FlagSpecs } from "../flags.ts";
import { identityCertificate } from "./identity-certificate.ts";

export type CertificateSource =
  /** A mounted Secret. */
  | { readonly kind: "files"; readonly files: KeyPairFiles }
  /** The mesh's own identity program, which is asked as proxies ask it. */
  | {
      readonly kind: "identity";
      readonly host: string;
      readonly port: number;
      /** The one name of the certificate, by which the API server calls. */
      readonly name: string;
      readonly tokenFile: string;
    };

export const certificateFlags: FlagSpecs = {
  "identity-addr": { kind: "value" },
  "identity-token-file": { kind: "value" },
};

/** With `--identity-addr` the identity program is asked, else the files are read. `service`: the webhook's Service. */
export function certificateSource(
  flags: Flags,
  files: KeyPairFiles,
  service: { readonly name: string; readonly namespace: string },
): CertificateSource {
  if (flags.text("identity-addr", "") === "") return { kind: "files", files };
  const { host, port } = flags.parsed("identity-addr", "", (text) => {
    const match = /^([a-z0-9.-]+):(\d{1,5})$/i.exec(text);
    if (match?.[1] === undefined) {
      throw new MeshError("invalid-argument", `"${text}" is not a host and port such as linkerd-identity:8080`);
    }
    return { host: match[1], port: Number(match[2]) };
  });
  return {
    kind: "identity",
    host,
    port,
    name: `${service.name}.${service.namespace}.svc`,
    tokenFile: flags.text("identity-token-file", "/var/run/secrets/tokens/linkerd-identity-token"),
  };
}

/** The pair now and later; null until there is one. */
export function servingCertificate(
  source: CertificateSource,
  deps: { readonly clock: Clock; readonly random: Random; readonly log: Log; readonly signal: AbortSignal },
): ReadonlyWatchable<KeyPair | null> {
  return source.kind === "files" ? watchKeyPairFiles(source.files, deps) : identityCertificate(source, deps);
}
