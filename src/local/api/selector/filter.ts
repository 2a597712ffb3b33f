/** Which objects a list or a watch is about. */
import { namespaceOf } from "../../store/object.ts";
import type { KubeObject } from "../../store/object.ts";
import { matchesFields, parseFieldSelector } from "./field-selector.ts";
import { matchesLabels, parseLabelSelector } from "./label-selector.ts";

export interface FilterOptions {
  /** "" or absent: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export type Filter = (object: KubeObject) => boolean;

/** Compiles the options for the resource with this storage key. Throws 400 for a selector that can't be read. */
export function createFilter(options: FilterOptions, key: string): Filter {
  const labels = parseLabelSelector(options.labelSelector ?? "");
  const fields = parseFieldSelector(options.fieldSelector ?? "", key);
  const namespace = options.namespace ?? "";
  return (object) =>
    (namespace === "" || namespaceOf(object) === namespace) &&
    matchesLabels(labels, object.metadata.labels) &&
    matchesFields(fields, object);
}
