/**
 * A copy of an object in which members that are null are absent, as the API server itself takes them for its own kinds:
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting-and-nullable
 * Empty places in lists stay: they are mistakes, and to leave them out could say another thing.
 */
export function withoutNulls<T>(value: T): T {
  return copy(value) as T;
}

function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, member]: [string, unknown]) =>
      member === null || member === undefined ? [] : [[key, copy(member)]],
    ),
  );
}
