import { readCorpus } from "./corpus.ts";
import { Dice } from "./dice.ts";
import { mutate } from "./mutate.ts";
import type { Target } from "./target.ts";

/** A target with its corpus read, ready for executions. */
export class Executor {
  readonly target: Target;
  private readonly pool: readonly Buffer[];

  constructor(target: Target) {
    this.target = target;
    this.pool = [...target.seeds, ...readCorpus(target.name)];
  }

  /** The input of an execution, and the dice as `run` gets them. */
  prepare(seed: number, execution: number): { readonly input: Buffer; readonly dice: Dice } {
    const dice = new Dice(seed, execution);
    const { generate, dictionary } = this.target;
    const fresh = generate !== undefined && (this.pool.length === 0 || dice.once(2));
    const base = fresh ? generate(dice) : dice.pick(this.pool);
    // A quarter of the generated ones stay well-formed: oracles about meaning need them.
    if (fresh && dice.once(4)) return { input: base, dice };
    const other = this.pool.length > 0 ? dice.pick(this.pool) : base;
    return { input: mutate(base, other, dictionary, dice), dice };
  }

  run(seed: number, execution: number): void {
    const { input, dice } = this.prepare(seed, execution);
    this.target.run(input, dice);
  }
}
