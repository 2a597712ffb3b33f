/** The flags of `install` and `inject` that are short for values, as data: one row a flag. */
import type { Command } from "commander";
import { MeshError } from "#lib/errors.ts";
import type { Json, JsonObject } from "#manifests/json.ts";

interface ValueFlag {
  /** In commander's notation. */
  readonly flags: string;
  readonly description: string;
  /** Path of the value that it sets, or several; null when it has only an annotation. */
  readonly values: readonly string[];
  /** The annotation that `inject` writes for it, below config.linkerd.io/. */
  readonly annotation: string | null;
  readonly type: "text" | "number" | "switch";
}

function flag(
  flags: string,
  description: string,
  values: string | readonly string[],
  annotation: string | null = null,
  type: ValueFlag["type"] = "text",
): ValueFlag {
  return { flags, description, values: typeof values === "string" ? [values] : values, annotation, type };
}

/** Flags about the proxy: for `install` and `inject`. */
export const proxyFlags: readonly ValueFlag[] = [
  flag("--proxy-image <image>", "proxy container image", "proxy.image.name", "proxy-image"),
  flag(
    "--image-pull-policy <policy>",
    "Always, IfNotPresent or Never",
    ["imagePullPolicy", "proxy.image.pullPolicy"],
    "image-pull-policy",
  ),
  flag("--inbound-port <port>", "inbound port of the proxy", "proxy.ports.inbound", "inbound-port", "number"),
  flag("--outbound-port <port>", "outbound port of the proxy", "proxy.ports.outbound", "outbound-port", "number"),
  flag("--control-port <port>", "control port of the proxy", "proxy.ports.control", "control-port", "number"),
  flag("--admin-port <port>", "admin port of the proxy", "proxy.ports.admin", "admin-port", "number"),
  flag(
    "--skip-inbound-ports <ports>",
    "ports and ranges that skip the proxy on the way in",
    "proxyInit.ignoreInboundPorts",
    "skip-inbound-ports",
  ),
  flag(
    "--skip-outbound-ports <ports>",
    "ports and ranges that skip the proxy on the way out",
    "proxyInit.ignoreOutboundPorts",
    "skip-outbound-ports",
  ),
  flag("--proxy-uid <uid>", "user of the proxy", "proxy.uid", "proxy-uid", "number"),
  flag("--proxy-gid <gid>", "group of the proxy", "proxy.gid", "proxy-gid", "number"),
  flag("--proxy-log-level <level>", "log level of the proxy", "proxy.logLevel", "proxy-log-level"),
  flag(
    "--proxy-cpu-request <quantity>",
    "CPU units that the proxy requests",
    "proxy.resources.cpu.request",
    "proxy-cpu-request",
  ),
  flag(
    "--proxy-cpu-limit <quantity>",
    "CPU units that the proxy may use",
    "proxy.resources.cpu.limit",
    "proxy-cpu-limit",
  ),
  flag(
    "--proxy-memory-request <quantity>",
    "memory that the proxy requests",
    "proxy.resources.memory.request",
    "proxy-memory-request",
  ),
  flag(
    "--proxy-memory-limit <quantity>",
    "memory that the proxy may use",
    "proxy.resources.memory.limit",
    "proxy-memory-limit",
  ),
  flag(
    "--enable-external-profiles",
    "look up ServiceProfiles for external names",
    "proxy.enableExternalProfiles",
    "enable-external-profiles",
    "switch",
  ),
  flag(
    "--default-inbound-policy <policy>",
    "inbound policy where no Server selects a port",
    "proxy.defaultInboundPolicy",
    "default-inbound-policy",
  ),
];

/** Flags about the control plane: for `install`. */
export const installFlags: readonly ValueFlag[] = [
  flag("--cluster-domain <domain>", "DNS domain of the cluster", "clusterDomain"),
  flag(
    "--identity-trust-domain <domain>",
    "trust domain of identities (default: the cluster domain)",
    "identityTrustDomain",
  ),
  flag(
    "--identity-external-ca",
    "the trust anchors come from a ConfigMap that somebody else keeps",
    "identity.externalCA",
    null,
    "switch",
  ),
  flag(
    "--linkerd-cni-enabled",
    "leave out the init container: the CNI plugin redirects traffic",
    "cniEnabled",
    null,
    "switch",
  ),
  flag("--controller-log-level <level>", "log level of the control plane", "controllerLogLevel"),
  flag(
    "--controller-replicas <count>",
    "replicas of each control plane component",
    "controllerReplicas",
    null,
    "number",
  ),
  flag("--controller-uid <uid>", "user of the control plane", "controllerUID", null, "number"),
  flag("--controller-gid <gid>", "group of the control plane", "controllerGID", null, "number"),
  flag("--identity-issuance-lifetime <duration>", "lifetime of certificates", "identity.issuer.issuanceLifetime"),
  flag("--identity-clock-skew-allowance <duration>", "how far clocks may differ", "identity.issuer.clockSkewAllowance"),
  flag("--disable-heartbeat", "leave out the heartbeat CronJob", "disableHeartBeat", null, "switch"),
];

export function addValueFlags(command: Command, flags: readonly ValueFlag[]): Command {
  for (const { flags: notation, description } of flags) command.option(notation, description);
  return command;
}

/** commander's name of a flag's option: "--proxy-image <image>" → "proxyImage". */
function optionName(notation: string): string {
  const long = /--([a-z0-9-]+)/.exec(notation)?.[1] ?? "";
  return long.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The values layer of the flags that were given. */
export function valuesOf(options: Readonly<Record<string, unknown>>, flags: readonly ValueFlag[]): JsonObject {
  const layer: JsonObject = {};
  for (const row of flags) {
    const given = options[optionName(row.flags)];
    if (given === undefined) continue;
    for (const path of row.values) setPath(layer, path.split("."), typed(row, given));
  }
  return layer;
}

/** The annotations of the flags that were given. */
export function annotationsOf(
  options: Readonly<Record<string, unknown>>,
  flags: readonly ValueFlag[],
): Record<string, string> {
  const annotations: Record<string, string> = {};
  for (const row of flags) {
    const given = options[optionName(row.flags)];
    if (given === undefined || row.annotation === null) continue;
    annotations[`config.linkerd.io/${row.annotation}`] = String(typed(row, given));
  }
  return annotations;
}

function typed(row: ValueFlag, given: unknown): Json {
  if (row.type === "switch") return given === true;
  if (row.type === "text") return String(given);
  const number = Number(given);
  if (Number.isInteger(number)) return number;
  throw new MeshError(
    "invalid-argument",
    `Flag ${row.flags.split(" ")[0]} has the value "${String(given)}"; use a whole number`,
  );
}

function setPath(layer: JsonObject, path: readonly string[], value: Json): void {
  let current = layer;
  for (const name of path.slice(0, -1)) {
    const next = current[name];
    const child: JsonObject = typeof next === "object" && next !== null && !Array.isArray(next) ? next : {};
    current[name] = child;
    current = child;
  }
  current[path[path.length - 1] ?? ""] = value;
}
