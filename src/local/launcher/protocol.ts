/**
 * What launcher and sandbox say to each other: one JSON object a line. The launcher writes its settings to the sandbox's
 * standard input and keeps it open; when it closes (also by a crash of the launcher) the sandbox ends.
 */
import type { Mode } from "./capability.ts";

/** First and only line to the sandbox, except "stop". */
export interface NodeSettings {
  readonly name: string;
  readonly mode: Mode;
  /** Port on the host's 127.0.0.1, whose listening socket is descriptor 3. */
  readonly port: number;
  readonly statePath: string;
  readonly kubeconfig: string;
  readonly podLogs: string;
  /** Folder for state that survives, or null. */
  readonly persist: string | null;
  readonly logLevel: string;
  /** Whose file the kubeconfig is, inside the sandbox's view. */
  readonly clusterDomain: string;
}

/** Lines from the sandbox. */
export type NodeMessage =
  | { readonly kind: "progress"; readonly text: string }
  | { readonly kind: "ready"; readonly milliseconds: number }
  | { readonly kind: "failed"; readonly message: string };

export function encodeMessage(message: NodeMessage): string {
  return `${JSON.stringify(message)}\n`;
}

/** Null for a line that is no message. */
export function decodeMessage(line: string): NodeMessage | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null || !("kind" in value)) return null;
  if (value.kind === "ready" && "milliseconds" in value && typeof value.milliseconds === "number") {
    return { kind: "ready", milliseconds: value.milliseconds };
  }
  if (value.kind === "progress" && "text" in value && typeof value.text === "string") {
    return { kind: "progress", text: value.text };
  }
  if (value.kind === "failed" && "message" in value && typeof value.message === "string") {
    return { kind: "failed", message: value.message };
  }
  return null;
}

/** Splits a byte stream into lines of at most 64 KiB; longer ones are cut. */
export class LineReader {
  private rest = "";
  private readonly decoder = new TextDecoder();

  push(chunk: Uint8Array): string[] {
    const parts = (this.rest + this.decoder.decode(chunk, { stream: true })).split("\n");
    this.rest = (parts.pop() ?? "").slice(0, 65_536);
    return parts;
  }
}
