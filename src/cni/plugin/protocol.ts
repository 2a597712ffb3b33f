/**
 * What a container runtime and a CNI plugin say to each other: parameters in the environment, the network configuration
 * on standard input, a result or an error on standard output.
 * https://github.com/containernetworking/cni/blob/main/SPEC.md
 */
import { MeshError } from "#lib/errors.ts";

/** Spec versions whose results we can pass on. */
export const supportedVersions = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;
/** For answers to requests that don't say their version. */
export const newestVersion = "1.1.0";

export const commands = ["ADD", "DEL", "CHECK", "VERSION", "STATUS", "GC"] as const;
export type CniCommand = (typeof commands)[number];

/** Codes of the specification; 100 and above are the plugin's own. */
export const cniErrors = {
  incompatibleVersion: 1,
  invalidEnvironment: 4,
  decoding: 6,
  invalidConfig: 7,
  tryAgainLater: 11,
  notAvailable: 50,
  rules: 100,
} as const;

/** An error as the runtime gets it. */
export class CniError extends MeshError {
  readonly cniCode: number;

  constructor(cniCode: number, message: string, options: { readonly cause?: unknown } = {}) {
    super(cniCode === cniErrors.tryAgainLater ? "unavailable" : "invalid-argument", message, options);
    this.cniCode = cniCode;
  }
}

export type JsonObject = { readonly [key: string]: unknown };

export interface CniRequest {
  readonly command: CniCommand;
  /** Path of the pod's network namespace; "" when the command has none. */
  readonly netns: string;
  /** CNI_ARGS, e.g. K8S_POD_NAME. */
  readonly args: ReadonlyMap<string, string>;
  /** "" when the configuration doesn't say. */
  readonly version: string;
  readonly config: JsonObject;
}

/** Bytes of configuration read at most. */
export const inputLimit = 1024 * 1024;

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseConfig(input: string): JsonObject {
  let config: unknown;
  try {
    config = JSON.parse(input);
  } catch (cause) {
    throw new CniError(cniErrors.decoding, "The network configuration on standard input is no JSON", { cause });
  }
  if (!isObject(config)) throw new CniError(cniErrors.decoding, "The network configuration is no JSON object");
  return config;
}

function parseArgs(text: string): Map<string, string> {
  const args = new Map<string, string>();
  for (const pair of text.split(";")) {
    const equals = pair.indexOf("=");
    if (equals > 0) args.set(pair.slice(0, equals), pair.slice(equals + 1));
  }
  return args;
}

/** Throws {@link CniError}. */
export function parseRequest(env: Readonly<Record<string, string | undefined>>, input: string): CniRequest {
  const command = commands.find((known) => known === env["CNI_COMMAND"]);
  if (command === undefined) {
    throw new CniError(cniErrors.invalidEnvironment, `CNI_COMMAND is "${env["CNI_COMMAND"] ?? ""}"`);
  }
  // Some runtimes ask for the versions with nothing on standard input.
  const config = command === "VERSION" && input.trim() === "" ? {} : parseConfig(input);
  const version = typeof config["cniVersion"] === "string" ? config["cniVersion"] : "";
  const known = version === "" || supportedVersions.some((supported) => supported === version);
  if (!known && command !== "VERSION") {
    throw new CniError(
      cniErrors.incompatibleVersion,
      `CNI version "${version}" is not supported; known are ${supportedVersions.join(", ")}`,
    );
  }
  const netns = env["CNI_NETNS"] ?? "";
  if (netns === "" && (command === "ADD" || command === "CHECK")) {
    throw new CniError(cniErrors.invalidEnvironment, `CNI_NETNS is not set for ${command}`);
  }
  return { command, netns, args: parseArgs(env["CNI_ARGS"] ?? ""), version, config };
}

/** What the plugin before us did: our own result too, because we add no interface, address or route. */
export function previousResult({ config, version }: CniRequest): JsonObject {
  const previous = config["prevResult"];
  if (!isObject(previous)) {
    throw new CniError(
      cniErrors.invalidConfig,
      "The network configuration has no result of an earlier plugin: linkerd-cni comes after the plugin that makes the pod's interface",
    );
  }
  return version === "" ? previous : { ...previous, cniVersion: version };
}

export function versionResult(version: string): JsonObject {
  return { cniVersion: version === "" ? newestVersion : version, supportedVersions };
}

/** `version`: that of the request as far as it is known. */
export function errorResult(error: CniError, version: string): JsonObject {
  return { cniVersion: version === "" ? newestVersion : version, code: error.cniCode, msg: error.message };
}
