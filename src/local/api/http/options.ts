/** Options of requests: query parameters and the DeleteOptions body. */
import type { FieldValidation } from "../resource-info.ts";
import type { Context, User } from "../context.ts";
import type { Deletion } from "../registry.ts";
import { badRequest } from "../status-error.ts";

export function flag(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value === "true" || value === "1" || value === "";
}

/** A non-negative whole number, or null when the parameter is absent. Throws 400. */
export function whole(query: URLSearchParams, name: string): number | null {
  const value = query.get(name);
  if (value === null || value === "") return null;
  if (!/^\d{1,15}$/.test(value)) throw badRequest(`The parameter ${name}="${value}" is not a whole number`);
  return Number(value);
}

export function contextOf(query: URLSearchParams, user: User): Context {
  const dryRun = query.getAll("dryRun");
  if (dryRun.some((value) => value !== "All" && value !== "")) {
    throw badRequest(`dryRun: Unsupported value: "${dryRun.join(",")}": supported values: "All"`);
  }
  const validation = query.get("fieldValidation") ?? "Warn";
  if (validation !== "Ignore" && validation !== "Warn" && validation !== "Strict") {
    throw badRequest(
      `fieldValidation: Unsupported value: "${validation}": supported values: "Ignore", "Strict", "Warn"`,
    );
  }
  return {
    user,
    dryRun: dryRun.includes("All"),
    fieldValidation: validation satisfies FieldValidation,
    warnings: [],
  };
}

/** DeleteOptions from the body, which wins, and the query. `dryRun` may come in either. */
export function deletionOf(query: URLSearchParams, body: unknown): { deletion: Deletion; dryRun: boolean } {
  const options = (typeof body === "object" && body !== null ? body : {}) as {
    gracePeriodSeconds?: number | null;
    propagationPolicy?: string;
    orphanDependents?: boolean;
    preconditions?: { uid?: string; resourceVersion?: string };
    dryRun?: string[];
  };
  const orphan = options.orphanDependents ?? (query.has("orphanDependents") ? flag(query, "orphanDependents") : null);
  const fallback = orphan === null ? null : orphan ? "Orphan" : "Background";
  const propagation = options.propagationPolicy ?? query.get("propagationPolicy") ?? fallback;
  if (
    propagation !== null &&
    propagation !== "Background" &&
    propagation !== "Foreground" &&
    propagation !== "Orphan"
  ) {
    throw badRequest(
      `propagationPolicy: Unsupported value: "${propagation}": supported values: "Background", "Foreground", "Orphan"`,
    );
  }
  return {
    deletion: {
      gracePeriodSeconds: options.gracePeriodSeconds ?? whole(query, "gracePeriodSeconds"),
      propagation,
      uid: options.preconditions?.uid ?? null,
      resourceVersion: options.preconditions?.resourceVersion ?? null,
    },
    dryRun: options.dryRun?.includes("All") === true,
  };
}
