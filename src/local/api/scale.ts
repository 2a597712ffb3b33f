/** The /scale subresource: replicas of a workload as an autoscaling/v1 Scale. */
import type { KubeObject } from "../store/object.ts";
import type { Context } from "./context.ts";
import type { Registry } from "./registry.ts";
import type { ResourceInfo, ScalePaths } from "./resource-info.ts";
import { formatSelector, fromObject } from "./selector/label-selector.ts";
import { badRequest, StatusError } from "./status-error.ts";

type Rec = Record<string, unknown>;

function read(object: unknown, path: string): unknown {
  let value: unknown = object;
  for (const part of path.replace(/^\./, "").split(".")) {
    value = typeof value === "object" && value !== null ? (value as Rec)[part] : undefined;
  }
  return value;
}

function written(object: Rec, parts: readonly string[], value: unknown): Rec {
  const [first, ...rest] = parts;
  if (first === undefined) return object;
  return { ...object, [first]: rest.length === 0 ? value : written((object[first] ?? {}) as Rec, rest, value) };
}

function pathsOf(info: ResourceInfo): ScalePaths {
  if (info.scale === null) throw new StatusError("NotFound", "the server could not find the requested resource");
  return info.scale;
}

/** The Scale of a workload. */
export function readScale(info: ResourceInfo, object: KubeObject): KubeObject {
  const paths = pathsOf(info);
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = paths.selector === null ? undefined : read(object, paths.selector);
  const shown = typeof selector === "string" ? selector : formatSelector(fromObject(selector) ?? []);
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion, creationTimestamp },
    spec: { replicas: Number(read(object, paths.specReplicas) ?? 0) },
    status: { replicas: Number(read(object, paths.statusReplicas) ?? 0), selector: shown },
  };
}

/** Changes the replicas of a workload through its Scale. `change` maps the current Scale to the wanted one. */
export async function writeScale(
  registry: Registry,
  info: ResourceInfo,
  namespace: string,
  name: string,
  change: (scale: KubeObject) => unknown,
  context: Context,
): Promise<KubeObject> {
  const paths = pathsOf(info);
  const result = await registry.modify(
    info,
    namespace,
    name,
    (current) => {
      const wanted = change(readScale(info, current)) as Rec | null;
      const replicas = Number(read(wanted, "spec.replicas") ?? 0);
      if (!Number.isInteger(replicas) || replicas < 0) {
        throw badRequest(`spec.replicas: Invalid value: ${String(replicas)}: must be greater than or equal to 0`);
      }
      const given = read(wanted, "metadata.resourceVersion");
      const metadata = { ...current.metadata, resourceVersion: typeof given === "string" ? given : "" };
      return { ...written(current, paths.specReplicas.replace(/^\./, "").split("."), replicas), metadata };
    },
    context,
  );
  return readScale(info, result);
}
