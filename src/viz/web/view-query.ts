/** Reads what a page asks for from the path and query of its stream. */
import { MeshError } from "#lib/errors.ts";
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
