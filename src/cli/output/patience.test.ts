import { expect, test } from "bun:test";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { memoryTerminal } from "../testing/run-cli.ts";
import { patient } from "./patience.ts";

const cleared = "\r\u001b[2K";

test("whoever waits longer than two seconds is told so, until something is written", () => {
  const clock = new FakeClock();
  const { terminal, written } = memoryTerminal();
  const waiting = patient({ ...terminal, interactive: true }, "linkerd check", clock);
  clock.advance(1900);
  expect(written.err).toBe("");
  clock.advance(100);
  expect(written.err).toBe(`${cleared}linkerd check is still working (2 s)`);
  written.err = "";
  waiting.terminal.out("data\n");
  expect(written).toEqual({ out: "data\n", err: cleared });
  clock.advance(1900);
  waiting.stop();
  clock.advance(10_000);
  expect(written.err).toBe(cleared);
});

test("nothing is drawn where lines can't be redrawn", () => {
  const clock = new FakeClock();
  const { terminal, written } = memoryTerminal();
  patient(terminal, "linkerd check", clock);
  clock.advance(60_000);
  expect(written.err).toBe("");
});
