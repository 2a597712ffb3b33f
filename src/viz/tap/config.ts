/** The only reader of the tap API's flags and environment. */
import { parseArgs } from "node:util";
import { MeshError } from "#lib/errors.ts";

export interface TapApiConfig {
  /** Port of the API, TLS. Default 8089. */
  readonly port: number;
  /** Port of health and metrics. Default 9998. */
  readonly adminPort: number;
  /** Folder of tls.crt and tls.key. */
  readonly tlsDirectory: string;
  /** Header fields that nobody is told, by their lower-case names. Default none. */
  readonly ignoredHeaders: readonly string[];
  readonly kubeconfig: string;
  readonly logLevel: string;
  readonly logFormat: "plain" | "json";
}

export function readPort(value: string, flag: string): number {
  const number = Number(value);
  if (/^\d+$/.test(value) && number <= 65535) return number;
  throw new MeshError("invalid-argument", `Flag --${flag} has the value "${value}"; use a port from 0 to 65535`);
}

export function readLogFormat(value: string): "plain" | "json" {
  if (value === "plain" || value === "json") return value;
  throw new MeshError("invalid-argument", `Flag --log-format has the value "${value}"; use plain or json`);
}

export function readFlags<T extends string>(
  argv: readonly string[],
  defaults: Readonly<Record<T, string>>,
): Readonly<Record<T, string>> {
  const options = Object.fromEntries(
    Object.entries<string>(defaults).map(([name, value]) => [name, { type: "string" as const, default: value }]),
  );
  try {
    return parseArgs({ args: [...argv], options }).values as Record<T, string>;
  } catch (error) {
    throw new MeshError("invalid-argument", error instanceof Error ? error.message : String(error), { cause: error });
  }
}

export function readTapConfig(argv: readonly string[]): TapApiConfig {
  const values = readFlags(argv, {
    port: "8089",
    "admin-port": "9998",
    "tls-directory": "/var/run/linkerd/tls",
    "ignore-headers": "",
    kubeconfig: "",
    "log-level": "info",
    "log-format": "plain",
  });
  return {
    port: readPort(values.port, "port"),
    adminPort: readPort(values["admin-port"], "admin-port"),
    tlsDirectory: values["tls-directory"],
    ignoredHeaders: values["ignore-headers"]
      .toLowerCase()
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== ""),
    kubeconfig: values.kubeconfig,
    logLevel: values["log-level"],
    logFormat: readLogFormat(values["log-format"]),
  };
}
