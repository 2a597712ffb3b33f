/** Reads what a page asks for from the path and query of its stream. */
import { MeshError } from "#lib/errors.ts";
import { mostMaxRps, type TapRequest } from "../client/tap-request.ts";
import { resourceKind } from "../metrics/resource.ts";
import type { ViewQuery } from "./views.ts";

/** Longer than any name of Kubernetes or DNS. */
const longestName = 300;

function parameter(params: URLSearchParams, name: string): string {
  const value = params.get(name);
  if (value !== null && value.length > 0 && value.length <= longestName) return value;
  throw new MeshError("invalid-argument", `Parameter "${name}" is missing or longer than ${longestName} characters`);
}

function range(text: string): "10m" | "6h" {
  if (text === "10m" || text === "6h") return text;
  throw new MeshError("invalid-argument", `Parameter "range" has the value "${text}"; use 10m or 6h`);
}

/** @param name the last segment of the path. Throws "not-found" and "invalid-argument". */
export function readViewQuery(name: string, params: URLSearchParams): ViewQuery {
  switch (name) {
    case "overview":
      return { view: "overview" };
    case "topology":
      return { view: "topology", namespace: params.has("namespace") ? parameter(params, "namespace") : null };
    case "workload":
      return {
        view: "workload",
        // An authority outside the cluster lies in no namespace.
        workload: {
          namespace: params.get("namespace") === "" ? "" : parameter(params, "namespace"),
          kind: parameter(params, "kind"),
          name: parameter(params, "name"),
        },
        range: range(params.get("range") ?? "10m"),
      };
    default:
      throw new MeshError("not-found", `There is no view "${name}"`);
  }
}

/** Reads whom a page taps: `namespace`, `kind`, `name` and filters. Header fields are never asked for. */
export function readTapQuery(params: URLSearchParams): TapRequest {
  const kind = resourceKind(parameter(params, "kind"));
  if (kind === null)
    throw new MeshError("invalid-argument", `Parameter "kind" has the unknown value "${params.get("kind")}"`);
  const namespace = parameter(params, "namespace");
  const filters = (["method", "authority", "path"] as const).flatMap((name) =>
    (params.get(name) ?? "") === "" ? [] : [[name, parameter(params, name)] as const],
  );
  const maxRps = Number(params.get("rps") ?? "100");
  if (!(maxRps >= 1 && maxRps <= mostMaxRps)) {
    throw new MeshError("invalid-argument", `Parameter "rps" is ${params.get("rps")}; use 1 to ${mostMaxRps}`);
  }
  return {
    resource:
      kind === "namespace"
        ? { kind, namespace: null, name: namespace }
        : { kind, namespace, name: params.has("name") ? parameter(params, "name") : null },
    maxRps,
    ...Object.fromEntries(filters),
  };
}
