import { Mismatch, type Target } from "../target.ts";

/** Proves the runner: inputs that begin with 1 break an oracle, those that begin with 2 never end. */
export const faulty: Target = {
  name: "faulty",
  seeds: [],
  dictionary: [],
  generate: (dice) => Buffer.from([dice.once(40) ? 1 + dice.below(2) : 0]),
  run(input) {
    if (input[0] === 1) throw new Mismatch("It begins with 1");
    while (input[0] === 2);
  },
};
