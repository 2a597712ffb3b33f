/**
 * Strategic merge patch (Kubernetes "Update API Objects in Place Using kubectl patch", "Strategic merge patch"): a merge
 * patch that knows which lists are merged by a key. Understood directives: `$patch` (delete, replace, merge),
 * `$deleteFromPrimitiveList/FIELD`, `$setElementOrder/FIELD` and `$retainKeys`.
 */
import type { FieldType, Types } from "../schema/notation.ts";
import { badRequest } from "../status-error.ts";

type Rec = Record<string, unknown>;

const deleteFrom = "$deleteFromPrimitiveList/";
const order = "$setElementOrder/";

function isRecord(value: unknown): value is Rec {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function fieldType(types: Types, owner: FieldType | null, field: string): FieldType | null {
  if (owner?.kind === "map") return owner.value;
  if (owner?.kind !== "object") return null;
  return types.get(owner.name)?.fields.get(field)?.type ?? null;
}

/** The patched value; `target` stays as it is and may be shared with the result. `type` is null for free-form parts. */
export function strategicPatch(types: Types, type: FieldType | null, target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const base = isRecord(target) ? target : {};
  const directive = patch["$patch"];
  if (directive === "replace") return withoutDirectives(patch);
  if (directive === "delete") return {};
  const result: Rec = { ...base };
  const retain = patch["$retainKeys"];
  if (Array.isArray(retain)) for (const key of Object.keys(result)) if (!retain.includes(key)) delete result[key];
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith("$")) continue;
    if (value === null) delete result[key];
    else result[key] = patchField(types, fieldType(types, type, key), result[key], value);
  }
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(deleteFrom) && Array.isArray(value)) {
      const field = key.slice(deleteFrom.length);
      const list = result[field];
      if (Array.isArray(list)) result[field] = list.filter((item) => !value.includes(item));
    } else if (key.startsWith(order) && Array.isArray(value)) {
      const field = key.slice(order.length);
      const list = result[field];
      if (Array.isArray(list)) result[field] = reorder(list, value, mergeKey(fieldType(types, type, field)));
    }
  }
  return result;
}

function mergeKey(type: FieldType | null): string {
  return type?.kind === "list" ? (type.merge ?? "") : "";
}

function patchField(types: Types, type: FieldType | null, current: unknown, value: unknown): unknown {
  if (!Array.isArray(value)) return strategicPatch(types, type, current, value);
  if (type?.kind !== "list" || type.merge === null) return value.map((item) => withoutDirectives(item));
  const list: unknown[] = Array.isArray(current) ? [...current] : [];
  if (type.merge === "") {
    for (const item of value) if (!list.includes(item)) list.push(item);
    return list;
  }
  if (value.some((item) => isRecord(item) && item["$patch"] === "replace")) {
    return value.filter((item) => !(isRecord(item) && item["$patch"] === "replace"));
  }
  return mergeByKey(types, type.item, type.merge, list, value);
}

function mergeByKey(types: Types, item: FieldType, key: string, list: unknown[], patch: unknown[]): unknown[] {
  for (const change of patch) {
    if (!isRecord(change)) throw badRequest(`A patch of a list merged by "${key}" must contain objects`);
    const id = change[key];
    if (id === undefined)
      throw badRequest(`map: ${JSON.stringify(change).slice(0, 200)} does not contain declared merge key: ${key}`);
    const index = list.findIndex((entry) => isRecord(entry) && entry[key] === id);
    if (change["$patch"] === "delete") {
      if (index >= 0) list.splice(index, 1);
    } else if (index < 0) list.push(strategicPatch(types, item, {}, change));
    else list[index] = strategicPatch(types, item, list[index], change);
  }
  return list;
}

/** Entries named by `wanted` come in its order, others keep their place after the entry that they followed. */
function reorder(list: unknown[], wanted: unknown[], key: string): unknown[] {
  const id = (item: unknown): unknown => (key !== "" && isRecord(item) ? item[key] : item);
  const positions = new Map(wanted.map((item, index) => [id(item), index]));
  let last = -1;
  const ranked = list.map((item, index) => {
    const position = positions.get(id(item));
    if (position !== undefined) last = position;
    return { item, rank: position ?? last + 0.5, index };
  });
  return ranked.toSorted((a, b) => a.rank - b.rank || a.index - b.index).map((entry) => entry.item);
}

function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutDirectives(item));
  if (!isRecord(value)) return value;
  const result: Rec = {};
  for (const [key, child] of Object.entries(value)) if (!key.startsWith("$")) result[key] = withoutDirectives(child);
  return result;
}
