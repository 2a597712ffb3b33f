import { expect, test } from "bun:test";
import type { Terminal } from "../globals.ts";
import { redraw, step } from "./progress.ts";

function fake(interactive: boolean, columns = 40): { terminal: Terminal; text: () => string } {
  let written = "";
  const terminal: Terminal = {
    out() {},
    err: (text) => {
      written += text;
    },
    interactive,
    columns: () => columns,
    colour: false,
    env: {},
    stdin: async () => "",
  };
  return { terminal, text: () => written };
}

test("redraw() cuts what does not fit, so that the line never wraps", () => {
  const { terminal, text } = fake(true, 20);
  redraw(terminal, "x".repeat(100));
  expect(text()).toBe(`\r\u001b[2K${"x".repeat(18)}…`);
});

test("redraw() writes nothing where lines can't be redrawn", () => {
  const { terminal, text } = fake(false);
  redraw(terminal, "waiting");
  expect(text()).toBe("");
});

test("a step in a pipe is one line that says how it ended", () => {
  const { terminal, text } = fake(false);
  const shown = step(terminal, "Control plane");
  shown.note("waiting for web");
  shown.done();
  expect(text()).toMatch(/^√ Control plane \(\d+\.\d s\)\n$/);
});

test("a step on a terminal clears its line before the last word", () => {
  const { terminal, text } = fake(true);
  step(terminal, "Control plane").fail("no answer");
  expect(text()).toMatch(/^\r\u001b\[2K× Control plane no answer \(\d+\.\d s\)\n$/);
});
