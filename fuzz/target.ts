import type { Dice } from "./dice.ts";

/** Something that is fuzzed. All of it is pure: an execution is repeated by its seed and number, or by its input. */
export interface Target {
  readonly name: string;
  /** Inputs to begin with, besides those of corpus/NAME. */
  readonly seeds: readonly Buffer[];
  /** Pieces that mean something in this format; mutations put them in. */
  readonly dictionary: readonly Buffer[];
  /** Makes an input of well-formed parts; half of the executions start from one when there is such a thing. */
  readonly generate?: (dice: Dice) => Buffer;
  /** Throws when an oracle does not hold. `dice` chooses what the input does not say, such as where it is split. */
  run(input: Buffer, dice: Dice): void;
}

/** An oracle that does not hold. */
export class Mismatch extends Error {
  override readonly name = "Mismatch";
}

/** Throws when two renderings differ. */
export function same(what: string, one: string, other: string): void {
  if (one !== other) throw new Mismatch(`${what}: ${shown(one)} is not ${shown(other)}`);
}

function shown(text: string): string {
  return JSON.stringify(text.length > 400 ? `${text.slice(0, 400)}…` : text);
}

export const latin1 = (texts: readonly string[]): Buffer[] => texts.map((text) => Buffer.from(text, "latin1"));

/** Cuts at up to `most` places. */
export function cut(bytes: Buffer, dice: Dice, most = 4): Buffer[] {
  const places = Array.from({ length: 1 + dice.below(most) }, () => dice.below(bytes.length + 1));
  const ends = [...places.toSorted((a, b) => a - b), bytes.length];
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}
