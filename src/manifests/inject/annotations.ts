/**
 * Every annotation that changes a pod's proxy, as a table: name, what it may be, what it does.
 *
 * A value that can't be understood is an error that names the annotation, the object and what is allowed; it is never
 * replaced by a default, because a mistyped port or policy that silently does nothing is found much too late.
 */
import { parseDuration } from "#lib/duration.ts";
import { MeshError } from "#lib/errors.ts";
import { parsePortRanges } from "#lib/port-list.ts";
import { isJsonObject, type Json, type JsonObject } from "../json.ts";
import { defaultPolicies } from "#model/default-policy.ts";
import { pullPolicies } from "../values.ts";
import { isCidrList, isQuantity, wholeCores } from "../values/formats.ts";
import { nearest } from "../values/nearest.ts";
import { configPrefix } from "./keys.ts";
import type { ProxySettings } from "./settings.ts";

/** Named container ports of the pod, for lists that may use names. */
export type NamedPorts = ReadonlyMap<string, number>;

/** Reads one value or throws {@link Wrong}. */
type Read<T> = (value: string, ports: NamedPorts) => T;

/** Thrown by readers; turned into a MeshError that also names the annotation and the object. */
class Wrong extends Error {
  readonly expected: string;
  constructor(expected: string) {
    super(expected);
    this.expected = expected;
  }
}

interface Rule {
  readonly apply: (settings: ProxySettings, value: string, ports: NamedPorts) => void;
  /** Copied from the namespace to the pod when the pod has none of its own. */
  readonly inherited: boolean;
}

function rule<T>(read: Read<T>, set: (settings: ProxySettings, value: T) => void, inherited = true): Rule {
  return { apply: (settings, value, ports) => set(settings, read(value, ports)), inherited };
}

const anyText: Read<string> = (value) => value;

const nonEmpty: Read<string> = (value) => {
  if (value.trim() === "") throw new Wrong("some text");
  return value;
};

const yesNo: Read<boolean> = (value) => {
  if (["true", "True", "TRUE", "t", "T", "1"].includes(value)) return true;
  if (["false", "False", "FALSE", "f", "F", "0"].includes(value)) return false;
  throw new Wrong(`"true" or "false"`);
};

const enabled: Read<boolean> = (value) => {
  if (value === "enabled" || value === "disabled") return value === "enabled";
  throw new Wrong(`"enabled" or "disabled"`);
};

function oneOf<const T extends string>(...options: readonly T[]): Read<T> {
  return (value) => {
    const found = options.find((option) => option === value);
    if (found === undefined) throw new Wrong(`one of ${options.map((option) => JSON.stringify(option)).join(", ")}`);
    return found;
  };
}

function integer(min: number, max: number): Read<number> {
  return (value) => {
    const number = Number(value);
    if (!/^-?\d{1,10}$/.test(value) || number < min || number > max)
      throw new Wrong(`a whole number from ${min} to ${max}`);
    return number;
  };
}

const port = integer(1, 65535);

const portList: Read<string> = (value, named) => {
  const parts = value.split(",").map((part) => part.trim());
  const numbers = parts.filter((part) => part !== "").map((part) => String(named.get(part) ?? part));
  try {
    parsePortRanges(numbers.join(","));
  } catch {
    throw new Wrong(`ports, ranges or names of the pod's ports, such as "25,4000-4100,mysql"`);
  }
  return numbers.join(",");
};

const cidrs: Read<string> = (value) => {
  if (!isCidrList(value)) throw new Wrong(`networks such as "10.0.0.0/8,fd00::/8"`);
  return value;
};

/** Milliseconds. */
const duration: Read<number> = (value) => {
  const parsed = parseDuration(value);
  if (parsed === null) throw new Wrong(`a duration such as "10s", "500ms" or "2m"`);
  return parsed;
};

const quantity: Read<string> = (value) => {
  if (!isQuantity(value)) throw new Wrong(`a quantity such as "100m" or "250Mi"`);
  return value;
};

const cpu: Read<{ readonly text: string; readonly cores: number }> = (value) => {
  const cores = wholeCores(value);
  if (cores === null) throw new Wrong(`a CPU quantity such as "100m" or "2"`);
  return { text: value, cores };
};

const ratio: Read<number> = (value) => {
  const number = Number(value);
  if (!(number > 0 && number <= 1)) throw new Wrong("a number above 0 and at most 1");
  return number;
};

const envList: Read<JsonObject[]> = (value) => {
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    throw new Wrong(`a JSON list such as [{"name":"A","value":"b"}]`);
  }
  if (!Array.isArray(parsed)) throw new Wrong(`a JSON list such as [{"name":"A","value":"b"}]`);
  return parsed.map((entry: unknown) => {
    if (isJsonObject(entry) && typeof entry["name"] === "string" && entry["name"] !== "") return entry;
    throw new Wrong(`a JSON list whose entries have a "name"`);
  });
};

const ms = (value: number): string => `${Math.trunc(value)}ms`;
const seconds = (value: number): string => `${Math.trunc(value / 1000)}s`;

const nativeSidecar = rule(yesNo, (s, value) => (s.values.proxy.nativeSidecar = value));

/** By annotation name without its prefix, where the prefix is `config.linkerd.io/`; else the whole name. In order of effect. */
const table: Readonly<Record<string, Rule>> = {
  "proxy-image": rule(nonEmpty, (s, value) => (s.values.proxy.image.name = value)),
  "proxy-version": rule(nonEmpty, (s, value) => (s.values.proxy.image.version = value)),
  "image-pull-policy": rule(oneOf(...pullPolicies), (s, value) => (s.values.proxy.image.pullPolicy = value)),
  "inbound-port": rule(port, (s, value) => (s.values.proxy.ports.inbound = value)),
  "outbound-port": rule(port, (s, value) => (s.values.proxy.ports.outbound = value)),
  "control-port": rule(port, (s, value) => (s.values.proxy.ports.control = value)),
  "admin-port": rule(port, (s, value) => (s.values.proxy.ports.admin = value)),
  "pod-inbound-ports": rule(portList, (s, value) => (s.podInboundPorts = value)),
  "skip-inbound-ports": rule(portList, (s, value) => (s.values.proxyInit.ignoreInboundPorts = value)),
  "skip-outbound-ports": rule(portList, (s, value) => (s.values.proxyInit.ignoreOutboundPorts = value)),
  "skip-subnets": rule(cidrs, (s, value) => (s.values.proxyInit.skipSubnets = value)),
  "opaque-ports": rule(portList, (s, value) => (s.values.proxy.opaquePorts = value)),
  "proxy-require-identity-inbound-ports": rule(
    portList,
    (s, value) => (s.values.proxy.requireIdentityOnInboundPorts = value),
  ),
  "proxy-outbound-connect-timeout": rule(duration, (s, value) => (s.values.proxy.outboundConnectTimeout = ms(value))),
  "proxy-inbound-connect-timeout": rule(duration, (s, value) => (s.values.proxy.inboundConnectTimeout = ms(value))),
  "proxy-outbound-discovery-cache-unused-timeout": rule(
    duration,
    (s, value) => (s.values.proxy.outboundDiscoveryCacheUnusedTimeout = seconds(value)),
  ),
  "proxy-inbound-discovery-cache-unused-timeout": rule(
    duration,
    (s, value) => (s.values.proxy.inboundDiscoveryCacheUnusedTimeout = seconds(value)),
  ),
  "proxy-disable-outbound-protocol-detect-timeout": rule(
    yesNo,
    (s, value) => (s.values.proxy.disableOutboundProtocolDetectTimeout = value),
  ),
  "proxy-disable-inbound-protocol-detect-timeout": rule(
    yesNo,
    (s, value) => (s.values.proxy.disableInboundProtocolDetectTimeout = value),
  ),
  "proxy-metrics-hostname-labels": rule(yesNo, (s, value) => (s.values.proxy.metrics.hostnameLabels = value)),
  "proxy-cpu-request": rule(cpu, (s, { text, cores }) => {
    s.values.proxy.resources.cpu.request = text;
    s.values.proxy.runtime.workers.minimum = cores;
  }),
  "proxy-cpu-limit": rule(cpu, (s, { text, cores }) => {
    s.values.proxy.resources.cpu.limit = text;
    s.values.proxy.runtime.workers.maximum = cores;
  }),
  "proxy-cpu-ratio-limit": rule(ratio, (s, value) => (s.values.proxy.runtime.workers.maximumCPURatio = value), false),
  "proxy-memory-request": rule(quantity, (s, value) => (s.values.proxy.resources.memory.request = value)),
  "proxy-memory-limit": rule(quantity, (s, value) => (s.values.proxy.resources.memory.limit = value)),
  "proxy-ephemeral-storage-request": rule(
    quantity,
    (s, value) => (s.values.proxy.resources["ephemeral-storage"].request = value),
  ),
  "proxy-ephemeral-storage-limit": rule(
    quantity,
    (s, value) => (s.values.proxy.resources["ephemeral-storage"].limit = value),
  ),
  "proxy-uid": rule(integer(0, 2 ** 31 - 1), (s, value) => (s.values.proxy.uid = value)),
  "proxy-gid": rule(integer(0, 2 ** 31 - 1), (s, value) => (s.values.proxy.gid = value)),
  "proxy-log-level": rule(anyText, (s, value) => (s.values.proxy.logLevel = value)),
  "proxy-log-format": rule(oneOf("plain", "json"), (s, value) => (s.values.proxy.logFormat = value)),
  "proxy-log-http-headers": rule(oneOf("off", "insecure"), (s, value) => (s.values.proxy.logHTTPHeaders = value)),
  "access-log": rule(oneOf("apache", "json", ""), (s, value) => (s.values.proxy.accessLog = value)),
  "enable-external-profiles": rule(yesNo, (s, value) => (s.values.proxy.enableExternalProfiles = value)),
  "default-inbound-policy": rule(
    oneOf(...defaultPolicies),
    (s, value) => (s.values.proxy.defaultInboundPolicy = value),
  ),
  "proxy-admin-shutdown": rule(enabled, (s, value) => (s.values.proxy.enableShutdownEndpoint = value)),
  "proxy-await": rule(enabled, (s, value) => (s.values.proxy.await = value)),
  "config.alpha.linkerd.io/proxy-enable-native-sidecar": nativeSidecar,
  "config.beta.linkerd.io/proxy-enable-native-sidecar": nativeSidecar,
  "proxy-enable-native-sidecar": nativeSidecar,
  "shutdown-grace-period": rule(duration, (s, value) => (s.values.proxy.shutdownGracePeriod = ms(value))),
  "config.alpha.linkerd.io/proxy-wait-before-exit-seconds": rule(
    integer(0, 86_400),
    (s, value) => (s.values.proxy.waitBeforeExitSeconds = value),
  ),
  "enable-debug-sidecar": rule(yesNo, (s, value) => (s.debugSidecar = value)),
  "debug-image": rule(nonEmpty, (s, value) => (s.values.debugContainer.image.name = value), false),
  "debug-image-version": rule(nonEmpty, (s, value) => (s.values.debugContainer.image.version = value), false),
  "debug-image-pull-policy": rule(
    oneOf(...pullPolicies),
    (s, value) => (s.values.debugContainer.image.pullPolicy = value),
    false,
  ),
  "enable-gateway": rule(yesNo, (s, value) => (s.values.proxy.isGateway = value), false),
  "close-wait-timeout": rule(
    duration,
    (s, value) => (s.values.proxyInit.closeWaitTimeoutSecs = Math.trunc(value / 1000)),
    false,
  ),
  "proxy-additional-env": rule(envList, (s, value) => {
    s.values.proxy.additionalEnv = mergeEnv(s.values.proxy.additionalEnv, value);
  }),
};

/** The full name of an entry of the table. */
const fullName = (key: string): string => (key.includes("/") ? key : configPrefix + key);

/** Every annotation that changes a pod's proxy, by full name. */
export const proxyAnnotations: readonly string[] = Object.keys(table).map(fullName);

/** The annotations that a pod takes over from its namespace when it has none of its own. */
export const inheritedAnnotations: readonly string[] = Object.entries(table)
  .filter(([, { inherited }]) => inherited)
  .map(([key]) => fullName(key));

/** Entries of `added` replace those of the same name in `base`; the others come behind. */
export function mergeEnv(base: readonly JsonObject[], added: readonly JsonObject[]): JsonObject[] {
  const result = [...base];
  for (const entry of added) {
    const at = result.findIndex((existing) => existing["name"] === entry["name"]);
    if (at < 0) result.push(entry);
    else result[at] = entry;
  }
  return result;
}

/**
 * Applies annotations to the settings. `object` names what carries them for messages, as in `deployment/web`.
 * Throws "invalid-argument" at the first one that can't be understood.
 */
export function applyAnnotations(
  settings: ProxySettings,
  annotations: Readonly<Record<string, string>>,
  ports: NamedPorts,
  object: string,
): void {
  for (const [key, { apply }] of Object.entries(table)) {
    const name = fullName(key);
    const value: Json | undefined = annotations[name];
    if (value === undefined) continue;
    try {
      // YAML may have given a number or a boolean where text belongs; the API server would refuse that later.
      if (typeof value !== "string") throw new Wrong("text (put the value in quotes)");
      apply(settings, value, ports);
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      throw new MeshError(
        "invalid-argument",
        `Annotation "${name}" of ${object} is ${JSON.stringify(value)}; allowed is ${error.expected}`,
      );
    }
  }
}

/** Annotations of the mesh's configuration prefix that don't exist, each with the one that was probably meant. */
export function unknownAnnotations(
  annotations: Readonly<Record<string, string>>,
): Array<readonly [string, string | null]> {
  return Object.keys(annotations)
    .filter((name) => name.startsWith(configPrefix) && !proxyAnnotations.includes(name))
    .map((name) => [name, nearest(name, proxyAnnotations)] as const);
}
