/** The flags of `install`, `upgrade` and `inject` that are short for values, as data: one row a flag. */
import { type Command, Option } from "commander";
import { MeshError } from "#lib/errors.ts";
import type { Json, JsonObject } from "#manifests/json.ts";
import { wholeCores } from "#manifests/values/formats.ts";

interface ValueFlag {
  /** In commander's notation. */
  readonly flags: string;
  readonly description: string;
  /** Path of the value that it sets, or several; null when it has only an annotation. */
  readonly values: readonly string[];
  /** The annotation that `inject` writes for it, below config.linkerd.io/. */
  readonly annotation: string | null;
  readonly type: FlagType;
  /** What to use instead; the flag still works, but help does not show it. */
  readonly deprecated?: string;
}

/**
 * "off": a switch that makes its value false. "cpu": a quantity; the second path gets the whole cores that it makes.
 */
type FlagType = "text" | "number" | "switch" | "off" | "cpu";

function flag(
  flags: string,
  description: string,
  values: string | readonly string[],
  annotation: string | null = null,
  type: FlagType = "text",
  deprecated?: string,
): ValueFlag {
  const row = { flags, description, values: typeof values === "string" ? [values] : values, annotation, type };
  return deprecated === undefined ? row : { ...row, deprecated };
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
    ["proxy.resources.cpu.request", "proxy.runtime.workers.minimum"],
    "proxy-cpu-request",
    "cpu",
  ),
  flag(
    "--proxy-cpu-limit <quantity>",
    "CPU units that the proxy may use",
    ["proxy.resources.cpu.limit", "proxy.runtime.workers.maximum"],
    "proxy-cpu-limit",
    "cpu",
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
  flag(
    "--proxy-cpu <quantity>",
    "CPU units that the proxy requests",
    ["proxy.resources.cpu.request", "proxy.runtime.workers.minimum"],
    "proxy-cpu-request",
    "cpu",
    "--proxy-cpu-request",
  ),
  flag(
    "--proxy-memory <quantity>",
    "memory that the proxy requests",
    "proxy.resources.memory.request",
    "proxy-memory-request",
    "text",
    "--proxy-memory-request",
  ),
  flag(
    "-v, --proxy-version <version>",
    "tag of the proxy image",
    "proxy.image.version",
    "proxy-version",
    "text",
    "--set proxy.image.version=<version>",
  ),
];

/** Flags that only a first installation takes: nothing of this may change later. */
export const firstInstallFlags: readonly ValueFlag[] = [
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
];

/** Flags about the control plane: for `install` and `upgrade`. */
export const installFlags: readonly ValueFlag[] = [
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
  flag("--disable-h2-upgrade", "don't carry HTTP/1 in HTTP/2 between proxies", "enableH2Upgrade", null, "off"),
  flag(
    "--enable-endpoint-slices",
    "read EndpointSlices (they always are, unless =false)",
    "enableEndpointSlices",
    null,
    "switch",
  ),
];

/** Flags of `install-cni`; their values are those of the chart linkerd2-cni. */
export const cniFlags: readonly ValueFlag[] = [
  flag("-v, --linkerd-version <version>", "tag of the images", "linkerdVersion"),
  flag("--proxy-uid <uid>", "user of the proxy", "proxyUID", null, "number"),
  flag("--proxy-gid <gid>", "group of the proxy", "proxyGID", null, "number"),
  flag("--inbound-port <port>", "inbound port of the proxy", "inboundProxyPort", null, "number"),
  flag("--outbound-port <port>", "outbound port of the proxy", "outboundProxyPort", null, "number"),
  flag("--control-port <port>", "control port of the proxy", "proxyControlPort", null, "number"),
  flag("--admin-port <port>", "admin port of the proxy", "proxyAdminPort", null, "number"),
  flag("--skip-inbound-ports <ports>", "ports and ranges that skip the proxy on the way in", "ignoreInboundPorts"),
  flag("--skip-outbound-ports <ports>", "ports and ranges that skip the proxy on the way out", "ignoreOutboundPorts"),
  flag("--redirect-ports <ports>", "only these ports go to the proxy on the way in (default: all)", "portsToRedirect"),
  flag("--cni-image <image>", "image of the plugin", ["image.name", "repairController.image.name"]),
  flag("--cni-image-version <version>", "tag of the plugin's image", [
    "image.version",
    "repairController.image.version",
  ]),
  flag("--cni-log-level <level>", "log level of the plugin", "logLevel"),
  flag("--dest-cni-net-dir <folder>", "the node's folder for CNI configurations", "destCNINetDir"),
  flag("--dest-cni-bin-dir <folder>", "the node's folder for CNI plugins", "destCNIBinDir"),
  flag("--priority-class-name <name>", "priority class of the plugin's pods", "priorityClassName"),
  flag("--use-wait-flag", "wait for the lock of the firewall's tables", "useWaitFlag", null, "switch"),
];

export function addValueFlags(command: Command, flags: readonly ValueFlag[]): Command {
  for (const { flags: notation, description, type, deprecated } of flags) {
    const option = new Option(notation, description);
    if (deprecated !== undefined) option.hideHelp();
    command.addOption(option);
    // `--switch=false` is read as `--no-switch`: see go-flags.ts.
    if (type === "switch") command.addOption(new Option(notation.replace("--", "--no-")).hideHelp());
  }
  return command;
}

/** One line for each deprecated flag that was given. */
export function deprecations(options: Readonly<Record<string, unknown>>, flags: readonly ValueFlag[]): string[] {
  return flags
    .filter((row) => row.deprecated !== undefined && options[optionName(row.flags)] !== undefined)
    .map(({ flags, deprecated }) => `Flag ${/--[a-z-]+/.exec(flags)?.[0]} is deprecated; use ${deprecated}`);
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
    const [first, second] = row.values;
    for (const path of row.type === "cpu" ? [first] : row.values) {
      if (path !== undefined) setPath(layer, path.split("."), typed(row, given));
    }
    if (row.type === "cpu" && second !== undefined) setPath(layer, second.split("."), cores(row, given));
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
  if (row.type === "off") return given !== true;
  if (row.type !== "number") return String(given);
  const number = Number(given);
  if (Number.isInteger(number)) return number;
  throw new MeshError(
    "invalid-argument",
    `Flag ${row.flags.split(" ")[0]} has the value "${String(given)}"; use a whole number`,
  );
}

function cores(row: ValueFlag, given: unknown): number {
  const whole = wholeCores(String(given));
  if (whole !== null) return whole;
  throw new MeshError(
    "invalid-argument",
    `Flag ${row.flags.split(" ")[0]} has the value "${String(given)}"; use a CPU quantity such as 100m or 2`,
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
