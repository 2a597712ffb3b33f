/** Settings of the sp-validator program: the only reader of its flags. */
import { tlsFilesIn, type KeyPairFiles } from "#kube/key-pair-files.ts";
import { commonFlags, type ListenAddr } from "../config.ts";
import { Flags, type FlagSpecs } from "../flags.ts";

const value = { kind: "value" } as const;

const validatorFlags: FlagSpecs = {
  ...commonFlags,
  addr: value,
  "metrics-addr": value,
  "controller-namespace": value,
  "tls-directory": value,
};

export interface SpValidatorConfig {
  readonly listen: ListenAddr;
  readonly admin: ListenAddr;
  readonly controlPlaneNamespace: string;
  readonly tls: KeyPairFiles;
}

export function spValidatorConfig(args: readonly string[]): SpValidatorConfig {
  const flags = new Flags(args, validatorFlags);
  return {
    listen: flags.listenAddr("addr", ":8443"),
    admin: flags.listenAddr("metrics-addr", ":9997"),
    controlPlaneNamespace: flags.text("controller-namespace", "linkerd"),
    tls: tlsFilesIn(flags.text("tls-directory", "/var/run/linkerd/tls")),
  };
}
