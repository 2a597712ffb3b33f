/** Settings of the injector program: the only reader of its flags. */
import { tlsFilesIn } from "#kube/key-pair-files.ts";
import { commonFlags, type ListenAddr } from "../config.ts";
import { Flags, type FlagSpecs } from "../flags.ts";
import { certificateFlags, certificateSource, type CertificateSource } from "../serving/certificate-source.ts";
import type { ValuesFiles } from "./values-source.ts";

const value = { kind: "value" } as const;

const injectorFlags: FlagSpecs = {
  ...commonFlags,
  ...certificateFlags,
  addr: value,
  "metrics-addr": value,
  "linkerd-namespace": value,
  "tls-directory": value,
  "values-file": value,
  "trust-anchors-file": value,
};

export interface InjectorConfig {
  readonly listen: ListenAddr;
  readonly admin: ListenAddr;
  readonly kubeconfig: string;
  readonly controlPlaneNamespace: string;
  readonly certificate: CertificateSource;
  readonly files: ValuesFiles;
}

export function injectorConfig(args: readonly string[]): InjectorConfig {
  const flags = new Flags(args, injectorFlags);
  const controlPlaneNamespace = flags.text("linkerd-namespace", "linkerd");
  const files = tlsFilesIn(flags.text("tls-directory", "/var/run/linkerd/tls"));
  return {
    listen: flags.listenAddr("addr", ":8443"),
    admin: flags.listenAddr("metrics-addr", ":9995"),
    kubeconfig: flags.text("kubeconfig", ""),
    controlPlaneNamespace,
    certificate: certificateSource(flags, files, { name: "linkerd-proxy-injector", namespace: controlPlaneNamespace }),
    files: {
      valuesFile: flags.text("values-file", "/var/run/linkerd/config/values"),
      anchorsFile: flags.text("trust-anchors-file", "/var/run/linkerd/identity/trust-roots/ca-bundle.crt"),
    },
  };
}
