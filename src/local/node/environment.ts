/** A container's environment variables and arguments: references resolved, `$(VAR)` expanded. Pure. */
import { MeshError } from "#lib/errors.ts";
import type { ConfigMap, Container, EnvVar, Pod, Secret } from "../types.ts";

/** Where references lead. */
export interface References {
  configMap(name: string): ConfigMap | null;
  secret(name: string): Secret | null;
}

/** What the node knows of the pod beside its object. */
export interface PodFacts {
  readonly podIp: string;
  readonly hostIp: string;
}

/** Expands `$(NAME)`; `$$` is a dollar sign; an unknown name stays as it is written (Kubernetes: dependent variables). */
export function expand(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(/\$\$|\$\(([^)]*)\)/g, (whole, name: string | undefined) => {
    if (name === undefined) return "$";
    return variables.get(name) ?? whole;
  });
}

/** The value of a downward API field such as "metadata.labels['app']". Throws "invalid-argument" for an unknown one. */
export function fieldValue(pod: Pod, facts: PodFacts, path: string): string {
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (keyed !== null) {
    const map = keyed[1] === "labels" ? pod.metadata.labels : pod.metadata.annotations;
    return map?.[keyed[2] ?? ""] ?? "";
  }
  switch (path) {
    case "metadata.name":
      return pod.metadata.name;
    case "metadata.namespace":
      return pod.metadata.namespace ?? "";
    case "metadata.uid":
      return pod.metadata.uid;
    case "metadata.labels":
      return lines(pod.metadata.labels);
    case "metadata.annotations":
      return lines(pod.metadata.annotations);
    case "spec.nodeName":
      return pod.spec.nodeName ?? "";
    case "spec.serviceAccountName":
      return pod.spec.serviceAccountName ?? "default";
    case "status.hostIP":
    case "status.hostIPs":
      return facts.hostIp;
    case "status.podIP":
    case "status.podIPs":
      return facts.podIp;
    default:
      throw new MeshError("invalid-argument", `Field path "${path}" is not supported`);
  }
}

function lines(map: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(map ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join("\n");
}

const suffixes: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** Reads a Kubernetes quantity such as "100m" or "1.5Gi". */
export function parseQuantity(quantity: string | number): number {
  const match = /^([+-]?[0-9.]+(?:e[+-]?\d+)?)([a-zA-Z]*)$/.exec(String(quantity));
  const factor = suffixes[match?.[2] ?? ""];
  const value = Number(match?.[1]);
  if (match === null || factor === undefined || Number.isNaN(value)) {
    throw new MeshError("invalid-argument", `Quantity "${quantity}" is invalid`);
  }
  return value * factor;
}

/** What a limit that isn't set counts as: what the node has. */
export interface Capacity {
  readonly cpu: number;
  readonly memory: number;
}

export function resourceValue(
  pod: Pod,
  container: Container,
  ref: { containerName?: string; resource: string; divisor?: string | number },
  capacity: Capacity,
): string {
  const named = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find(
    ({ name }) => name === ref.containerName,
  );
  const from = named ?? container;
  const [kind, resource = ""] = ref.resource.split(".", 2);
  const limits = from.resources?.limits ?? {};
  const table = kind === "requests" ? { ...limits, ...from.resources?.requests } : limits;
  const set = table[resource];
  const fallback =
    kind === "requests" ? 0 : resource === "cpu" ? capacity.cpu : resource === "memory" ? capacity.memory : 0;
  const divisor = ref.divisor === undefined || String(ref.divisor) === "0" ? 1 : parseQuantity(ref.divisor);
  // Rounded up, with room for the error of decimal fractions.
  return String(Math.ceil((set === undefined ? fallback : parseQuantity(set)) / divisor - 1e-9));
}

function decode(data: string): string {
  return Buffer.from(data, "base64").toString("utf8");
}

/** Null leaves the variable out (an optional reference to nothing). */
function variableValue(
  variable: EnvVar,
  pod: Pod,
  container: Container,
  context: { references: References; facts: PodFacts; capacity: Capacity },
): string | null {
  const from = variable.valueFrom;
  if (from?.fieldRef !== undefined) return fieldValue(pod, context.facts, from.fieldRef.fieldPath);
  if (from?.resourceFieldRef !== undefined)
    return resourceValue(pod, container, from.resourceFieldRef, context.capacity);
  if (from?.configMapKeyRef !== undefined) {
    const { name, key, optional } = from.configMapKeyRef;
    const value = context.references.configMap(name)?.data?.[key];
    if (value === undefined && optional !== true)
      throw new MeshError("not-found", `couldn't find key ${key} in ConfigMap ${pod.metadata.namespace}/${name}`);
    return value ?? null;
  }
  if (from?.secretKeyRef !== undefined) {
    const { name, key, optional } = from.secretKeyRef;
    const value = context.references.secret(name)?.data?.[key];
    if (value === undefined && optional !== true)
      throw new MeshError("not-found", `couldn't find key ${key} in Secret ${pod.metadata.namespace}/${name}`);
    return value === undefined ? null : decode(value);
  }
  return variable.value ?? "";
}

/** All variables of a container. `base` comes first and is overridden. Throws "not-found" when a needed reference is missing. */
export function containerEnvironment(
  pod: Pod,
  container: Container,
  context: { references: References; facts: PodFacts; capacity: Capacity; base: ReadonlyMap<string, string> },
): Map<string, string> {
  const result = new Map(context.base);
  for (const { prefix = "", configMapRef, secretRef } of container.envFrom ?? []) {
    const ref = configMapRef ?? secretRef;
    if (ref === undefined) continue;
    const isSecret = configMapRef === undefined;
    const data = isSecret ? context.references.secret(ref.name)?.data : context.references.configMap(ref.name)?.data;
    const exists = isSecret
      ? context.references.secret(ref.name) !== null
      : context.references.configMap(ref.name) !== null;
    if (!exists && ref.optional !== true)
      throw new MeshError("not-found", `${isSecret ? "secret" : "configmap"} "${ref.name}" not found`);
    for (const [key, value] of Object.entries(data ?? {})) result.set(prefix + key, isSecret ? decode(value) : value);
  }
  for (const variable of container.env ?? []) {
    const value = variableValue(variable, pod, container, context);
    if (value === null) continue;
    result.set(variable.name, variable.valueFrom === undefined ? expand(value, result) : value);
  }
  return result;
}

/** Entrypoint and arguments with `$(VAR)` expanded. */
export function containerArguments(
  entrypoint: readonly string[],
  args: readonly string[],
  variables: ReadonlyMap<string, string>,
): string[] {
  return [...entrypoint, ...args].map((part) => expand(part, variables));
}
