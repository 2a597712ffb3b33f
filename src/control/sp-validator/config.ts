/** Settings of the sp-validator program: the only reader of its flags. */
import { tlsFilesIn } from "#kube/key-pair-files.ts";
import { commonFlags, type ListenAddr } from "../config.ts";
import { Flags, type FlagSpecs } from "../flags.ts";
import { certificateFlags, certificateSource, type CertificateSource } from "../serving/certificate-source.ts";

const value = { kind: "value" } as const;

const validatorFlags: FlagSpecs = {
  ...commonFlags,
  ...certificateFlags,
  addr: value,
  "metrics-addr": value,
  "controller-namespace": value,
  "tls-directory": value,
};

export interface SpValidatorConfig {
  readonly listen: ListenAddr;
  readonly admin: ListenAddr;
  readonly certificate: CertificateSource;
}

export function spValidatorConfig(args: readonly string[]): SpValidatorConfig {
  const flags = new Flags(args, validatorFlags);
  const files = tlsFilesIn(flags.text("tls-directory", "/var/run/linkerd/tls"));
  const namespace = flags.text("controller-namespace", "linkerd");
  return {
    listen: flags.listenAddr("addr", ":8443"),
    admin: flags.listenAddr("metrics-addr", ":9997"),
    certificate: certificateSource(flags, files, { name: "linkerd-sp-validator", namespace }),
  };
}
