/** Runs checks in order; retries those that may pass by themselves, stops at a fatal failure. */
import type { Clock } from "#lib/clock.ts";
import { sleep } from "#lib/clock.ts";
import type { Category, CategoryResult, Check, CheckResult, CheckScope } from "./check.ts";
import { explain } from "../explain.ts";
import { hintFor, SkipCheck } from "./check.ts";

export interface RunOptions {
  readonly clock: Clock;
  /** ms that retried checks may take together. */
  readonly wait: number;
  /** A category begins; not called for one whose checks are all skipped. */
  readonly onCategory?: (id: string) => void;
  /** A check was tried and will be tried again. */
  readonly onRetry?: (check: Check, error: string) => void;
  readonly onResult?: (result: CheckResult) => void;
}

/** Wait between two tries, ms. */
const retryDelay = 1000;

export async function runChecks(
  categories: readonly Category[],
  scope: CheckScope,
  options: RunOptions,
): Promise<CategoryResult[]> {
  const deadline = options.clock.now() + options.wait;
  const results: CategoryResult[] = [];
  for (const category of categories) {
    const checks: CheckResult[] = [];
    for (const check of category.checks) {
      const result = await runOne(check, scope, options, deadline);
      if (result === null) continue;
      if (checks.length === 0) {
        options.onCategory?.(category.id);
        results.push({ category: category.id, checks });
      }
      checks.push(result);
      options.onResult?.(result);
      if (result.outcome === "error" && check.fatal === true) return results;
    }
  }
  return results;
}

/** Null when the check does not apply. */
async function runOne(
  check: Check,
  scope: CheckScope,
  options: RunOptions,
  deadline: number,
): Promise<CheckResult | null> {
  for (;;) {
    try {
      await check.run(scope);
      return { description: check.description, outcome: "success" };
    } catch (error) {
      if (error instanceof SkipCheck) return null;
      const message = explain(error);
      if (check.retry === true && options.clock.now() + retryDelay < deadline) {
        options.onRetry?.(check, message);
        await sleep(options.clock, retryDelay);
        scope.facts.forget();
        continue;
      }
      return {
        description: check.description,
        outcome: check.warning === true ? "warning" : "error",
        error: message,
        hint: hintFor(check.id),
      };
    }
  }
}

/** True when no check failed; warnings are fine. */
export function succeeded(results: readonly CategoryResult[]): boolean {
  return results.every(({ checks }) => checks.every((check) => check.outcome !== "error"));
}
