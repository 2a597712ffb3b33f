/** Who asks, and how: what travels with every operation. */
import type { FieldValidation } from "./resource-info.ts";

export interface User {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** The cluster's own controllers. */
export const systemUser: User = { name: "system:linkerd-local", groups: ["system:masters", "system:authenticated"] };

export interface Context {
  readonly user: User;
  /** Go through everything but the last step. */
  readonly dryRun: boolean;
  readonly fieldValidation: FieldValidation;
  /** Sent back to the user as `Warning` headers, at most 50. */
  readonly warnings: string[];
}

export function systemContext(): Context {
  return { user: systemUser, dryRun: false, fieldValidation: "Ignore", warnings: [] };
}
