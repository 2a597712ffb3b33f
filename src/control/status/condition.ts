/** https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties */
export interface Condition {
  readonly type: string;
  readonly status: "True" | "False";
  readonly reason: string;
  readonly message: string;
  /** The generation of the object that was judged. */
  readonly observedGeneration: number;
}

export interface StoredCondition extends Condition {
  readonly lastTransitionTime: string;
}

/** With the time since when each condition is as it is: the stored one where nothing but its message changed. */
export function stampConditions(
  conditions: readonly Condition[],
  stored: readonly unknown[],
  now: string,
): StoredCondition[] {
  return conditions.map((condition) => {
    const before = stored.find((entry) => (entry as Partial<StoredCondition> | null)?.type === condition.type) as
      | Partial<StoredCondition>
      | undefined;
    const same = before?.status === condition.status && typeof before.lastTransitionTime === "string";
    return { ...condition, lastTransitionTime: same ? (before.lastTransitionTime ?? now) : now };
  });
}

/** Whether the stored conditions say the same, apart from times. */
export function sameConditions(conditions: readonly Condition[], stored: unknown): boolean {
  if (!Array.isArray(stored) || stored.length !== conditions.length) return false;
  return conditions.every((condition) => {
    const found = (stored as Array<Partial<StoredCondition> | null>).find((entry) => entry?.type === condition.type);
    return (
      found?.status === condition.status &&
      found.reason === condition.reason &&
      found.message === condition.message &&
      found.observedGeneration === condition.observedGeneration
    );
  });
}

/** A status of these conditions; null: that is the stored one. */
export function conditionsStatus(
  conditions: readonly Condition[],
  stored: unknown,
  now: string,
): { readonly conditions: readonly StoredCondition[] } | null {
  const before = (stored as { readonly conditions?: unknown } | null)?.conditions;
  if (sameConditions(conditions, before)) return null;
  return { conditions: stampConditions(conditions, Array.isArray(before) ? before : [], now) };
}
