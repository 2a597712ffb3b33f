/** Settings of the identity program: the only reader of its flags. */
import { MeshError } from "#lib/errors.ts";
import { assertIdentity, type TrustScope } from "#model/identity.ts";
import { parseDuration } from "#lib/duration.ts";
import { commonFlags, type ListenAddr } from "../config.ts";
import { Flags, type FlagSpecs } from "../flags.ts";
import type { IssuerFiles, IssuerScheme } from "./issuer.ts";

const value = { kind: "value" } as const;

const identityFlags: FlagSpecs = {
  ...commonFlags,
  addr: value,
  "admin-addr": value,
  "controller-namespace": value,
  "identity-trust-domain": value,
  "identity-issuance-lifetime": value,
  "identity-clock-skew-allowance": value,
  "identity-scheme": value,
  "issuer-directory": value,
  "trust-anchors-file": value,
  "accept-default-audience": { kind: "switch" },
  "trace-collector": { kind: "value", ignored: true },
};

export interface IdentityConfig {
  readonly listen: ListenAddr;
  readonly admin: ListenAddr;
  readonly kubeconfig: string;
  readonly scope: TrustScope;
  /** How long leaves live, ms. Default 24 h; from 1 s (for tests of rotation) to a year. */
  readonly lifetime: number;
  /** Added to it on both sides, ms. Default 20 s. */
  readonly skew: number;
  readonly files: IssuerFiles;
  readonly acceptDefaultAudience: boolean;
}

const second = 1000;
const year = 365 * 24 * 3600 * second;

export function identityConfig(args: readonly string[]): IdentityConfig {
  const flags = new Flags(args, identityFlags);
  return {
    listen: flags.listenAddr("addr", ":8080"),
    admin: flags.listenAddr("admin-addr", ":9990"),
    kubeconfig: flags.text("kubeconfig", ""),
    scope: {
      controlPlaneNamespace: flags.text("controller-namespace", "linkerd"),
      trustDomain: flags.parsed("identity-trust-domain", "cluster.local", assertIdentity),
    },
    lifetime: flags.parsed("identity-issuance-lifetime", "24h", (text) => duration(text, second, year)),
    skew: flags.parsed("identity-clock-skew-allowance", "20s", (text) => duration(text, 0, year)),
    files: {
      scheme: flags.oneOf<IssuerScheme>("identity-scheme", "linkerd.io/tls", ["linkerd.io/tls", "kubernetes.io/tls"]),
      issuerDirectory: flags.text("issuer-directory", "/var/run/linkerd/identity/issuer"),
      anchorsFile: flags.text("trust-anchors-file", "/var/run/linkerd/identity/trust-roots/ca-bundle.crt"),
    },
    acceptDefaultAudience: flags.boolean("accept-default-audience", false),
  };
}

function duration(text: string, min: number, max: number): number {
  const parsed = parseDuration(text);
  if (parsed === null || parsed < min || parsed > max) {
    throw new MeshError("invalid-argument", `"${text}" is not a duration from ${min / second}s to ${max / second}s`);
  }
  return parsed;
}
