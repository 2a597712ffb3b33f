/** What once crashed, hung or broke an oracle does so no more; and each target does some executions, so that it can't rot. */
import { expect, test } from "bun:test";
import { readCorpus } from "./corpus.ts";
import { Dice } from "./dice.ts";
import { Executor } from "./execute.ts";
import { Mismatch, same } from "./target.ts";
import { targets } from "./targets/all.ts";

for (const target of targets) {
  test(`${target.name}: the corpus holds at any split`, () => {
    for (const input of [...target.seeds, ...readCorpus(target.name)]) {
      for (let round = 0; round < 8; round++) target.run(input, new Dice(7, round));
    }
  });

  test(`${target.name}: 300 executions hold`, () => {
    const executor = new Executor(target);
    for (let execution = 0; execution < 300; execution++) executor.run(20_260, execution);
  });

  test(`${target.name}: an execution is the same each time`, () => {
    const executor = new Executor(target);
    const one = executor.prepare(3, 4).input;
    executor.prepare(3, 5);
    expect(executor.prepare(3, 4).input).toEqual(one);
  });
}

test("an oracle that does not hold is told", () => {
  expect(() => same("A", "1", "2")).toThrow(Mismatch);
});
