/**
 * The values of annotations that shape traffic, read in one place for the controller, which passes over what says nothing, and
 * for the webhooks, which tell it.
 */
import { parseDuration } from "#lib/duration.ts";

/** What a text says, or what is wrong with it, to be put behind the quoted text. */
export type Read<T> = { readonly value: T } | { readonly wrong: string };

export interface StatusRange {
  readonly from: number;
  readonly to: number;
}

export type GrpcRetryCode = (typeof grpcCodes)[number];

const grpcCodes = ["cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable"] as const;

/** Whole numbers with one unit, in ms. */
export function readDuration(text: string): Read<number> {
  const value = /^(0|\d{1,15}(ms|s|m|h|d))$/.test(text) ? parseDuration(text) : null;
  return value === null ? { wrong: "is not a duration such as 300ms, 5s, 1m, 2h or 1d" } : { value };
}

export function readFlag(text: string): Read<boolean> {
  return text === "true" || text === "false" ? { value: text === "true" } : { wrong: "is neither true nor false" };
}

export function readWhole(text: string, max: number): Read<number> {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return value <= max ? { value } : { wrong: `is not a whole number up to ${max}` };
}

export function readDecimal(text: string, max: number): Read<number> {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  return value <= max ? { value } : { wrong: `is not a number from 0 to ${max}` };
}

export function readAccrual(text: string): Read<"consecutive" | "unified"> {
  return text === "consecutive" || text === "unified"
    ? { value: text }
    : { wrong: 'is neither "consecutive" nor "unified"' };
}

/** What requests that belong together are known by. */
export type HashKey =
  | { readonly kind: "header"; readonly name: string }
  | { readonly kind: "cookie"; readonly name: string }
  | { readonly kind: "source" };

export function readHash(text: string): Read<HashKey> {
  if (text === "source") return { value: { kind: "source" } };
  const [, kind = "", name = ""] = /^(header|cookie):([!#$%&'*+.^_`|~0-9A-Za-z-]{1,128})$/.exec(text) ?? [];
  if (kind === "header") return { value: { kind, name: name.toLowerCase() } };
  if (kind === "cookie") return { value: { kind, name } };
  return { wrong: 'is none of "header:NAME", "cookie:NAME" and "source"' };
}

/** One part that says nothing makes the whole list say nothing: to retry less than was meant must show. */
export function readHttpStatuses(text: string): Read<readonly StatusRange[]> {
  const value: StatusRange[] = [];
  for (const part of parts(text)) {
    const match = /^(\d{3})(?:-(\d{3}))?$/.exec(part);
    const from = Number(match?.[1] ?? 0);
    const to = Number(match?.[2] ?? from);
    if (part === "5xx") value.push({ from: 500, to: 599 });
    else if (part === "gateway-error") value.push({ from: 502, to: 504 });
    else if (match !== null && from >= 100 && to <= 599 && from <= to) value.push({ from, to });
    else {
      const wrong = `lists "${part}", which is none of 5xx, gateway-error, a status such as 503 and a range such as 500-504`;
      return { wrong };
    }
  }
  return { value };
}

export function readGrpcStatuses(text: string): Read<readonly GrpcRetryCode[]> {
  const value: GrpcRetryCode[] = [];
  for (const part of parts(text)) {
    const code = grpcCodes.find((candidate) => candidate === part);
    if (code === undefined) return { wrong: `lists "${part}", which is none of ${grpcCodes.join(", ")}` };
    value.push(code);
  }
  return { value };
}

function parts(text: string): string[] {
  return text.split(",").map((part) => part.trim());
}
