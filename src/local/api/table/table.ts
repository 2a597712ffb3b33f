/** meta.k8s.io/v1 Table: the server side of what `kubectl get` prints. */
import type { KubeObject } from "../../store/object.ts";
import type { ResourceInfo } from "../resource-info.ts";

export type IncludeObject = "None" | "Metadata" | "Object";

/** Headings are left out from the second event of a watch on. */
export function tableOf(
  info: ResourceInfo,
  objects: readonly KubeObject[],
  metadata: Record<string, unknown>,
  options: { readonly include: IncludeObject; readonly headings: boolean; readonly now: number },
): unknown {
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata,
    columnDefinitions: options.headings
      ? info.columns.map(({ name, type, format, description, priority }) => ({
          name,
          type,
          format,
          description,
          priority,
        }))
      : [],
    rows: objects.map((object) => ({
      cells: info.columns.map((column) => column.cell(object, options.now)),
      ...(options.include === "None"
        ? {}
        : { object: options.include === "Object" ? object : partialMetadata(object) }),
    })),
  };
}

export function partialMetadata(object: KubeObject): unknown {
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata };
}
