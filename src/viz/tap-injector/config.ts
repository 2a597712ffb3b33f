/** The only reader of the tap injector's flags and environment. */
import { MeshError } from "#lib/errors.ts";
import { readFlags, readLogFormat, readPort } from "../tap/config.ts";

export interface TapInjectorConfig {
  /** Port of the webhook, TLS. Default 8443. */
  readonly port: number;
  /** Port of health and metrics. Default 9995. */
  readonly adminPort: number;
  /** Folder of tls.crt and tls.key. */
  readonly tlsDirectory: string;
  /** The identity of the tap API, which proxies let look into them. */
  readonly tapName: string;
  readonly kubeconfig: string;
  readonly logLevel: string;
  readonly logFormat: "plain" | "json";
}

export function readInjectorConfig(argv: readonly string[]): TapInjectorConfig {
  const values = readFlags(argv, {
    port: "8443",
    "admin-port": "9995",
    "tls-directory": "/var/run/linkerd/tls",
    "tap-service-name": "",
    kubeconfig: "",
    "log-level": "info",
    "log-format": "plain",
  });
  const tapName = values["tap-service-name"];
  if (!/^[a-z0-9.-]+$/.test(tapName)) {
    throw new MeshError(
      "invalid-argument",
      `Flag --tap-service-name has the value "${tapName}"; use an identity's name`,
    );
  }
  return {
    port: readPort(values.port, "port"),
    adminPort: readPort(values["admin-port"], "admin-port"),
    tlsDirectory: values["tls-directory"],
    tapName,
    kubeconfig: values.kubeconfig,
    logLevel: values["log-level"],
    logFormat: readLogFormat(values["log-format"]),
  };
}
