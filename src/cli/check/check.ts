/** Health checks as data: a check says what it looks at and how to tell, the runner decides when and how often. */
import type { KubeClient } from "#kube/client.ts";

export type CheckOutcome = "success" | "warning" | "error";

export interface Check {
  /** As in https://linkerd.io/2/checks/#<id>. */
  readonly id: string;
  readonly description: string;
  /** A failure ends the whole run: later checks would only repeat it. */
  readonly fatal?: boolean;
  /** A failure is a warning and does not change the exit code. */
  readonly warning?: boolean;
  /** A failure may pass by itself: it is tried again until the run's deadline. */
  readonly retry?: boolean;
  /** Throws when something is wrong; the message says what. Throws {@link SkipCheck} when there is nothing to check. */
  readonly run: (scope: CheckScope) => Promise<void>;
}

export interface Category {
  readonly id: string;
  readonly checks: readonly Check[];
}

/** What checks look at. */
export interface CheckScope {
  /** Throws when there is no usable kubeconfig. */
  readonly client: () => KubeClient;
  readonly linkerdNamespace: string;
  readonly cniNamespace: string;
  readonly vizNamespace: string;
  /** Namespace of the data plane to look at, or null for all. */
  readonly dataPlaneNamespace: string | null;
  /** Before an installation: what it brings along may still be missing. */
  readonly pre: boolean;
  /** Whether the user said that the CNI plugin is used; after the installation its values say so. */
  readonly cniEnabled: boolean;
  readonly cliVersion: string;
  readonly expectedVersion: string | null;
  /** ms since 1970. */
  readonly wall: () => number;
  /** What several checks look at is read once, and again when a check is retried. */
  readonly facts: Facts;
}

/** Results of reads by what they are about. */
export class Facts {
  private readonly known = new Map<string, Promise<unknown>>();

  /** The result of the first `read` of that name; a failed one is not kept. */
  once<T>(name: string, read: () => Promise<T>): Promise<T> {
    const known = this.known.get(name) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const reading = read();
    this.known.set(name, reading);
    reading.catch(() => this.known.delete(name));
    return reading;
  }

  forget(): void {
    this.known.clear();
  }
}

/** Thrown by a check that does not apply here; it leaves no line. */
export class SkipCheck extends Error {}

export interface CheckResult {
  readonly description: string;
  readonly outcome: CheckOutcome;
  readonly error?: string;
  /** Where to read more, only when it did not succeed. */
  readonly hint?: string;
}

export interface CategoryResult {
  readonly category: string;
  readonly checks: readonly CheckResult[];
}

export function hintFor(id: string): string {
  return `https://linkerd.io/2/checks/#${id}`;
}

/** Names as the indented list below a check's message. */
export function bullets(names: readonly string[]): string {
  return names.map((name) => `\t* ${name}`).join("\n");
}
