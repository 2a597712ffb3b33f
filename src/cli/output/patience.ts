/** A word to somebody who waits: after two seconds without output a line on standard error says that it goes on. */
import { type Clock, systemClock, type Timer } from "#lib/clock.ts";
import type { Terminal } from "../globals.ts";
import { redraw } from "./progress.ts";

/** ms without output before the first word. */
const patience = 2000;
/** ms between two words. */
const interval = 500;

/** The same terminal, on which the line disappears as soon as anything is written; `stop` ends it. */
export function patient(
  terminal: Terminal,
  what: string,
  clock: Clock = systemClock,
): { readonly terminal: Terminal; stop(): void } {
  if (!terminal.interactive) return { terminal, stop: () => {} };
  let since = clock.now();
  let shown = false;
  let timer: Timer;
  const look = (): void => {
    const waited = clock.now() - since;
    if (waited >= patience) {
      shown = true;
      redraw(terminal, `${what} is still working (${Math.round(waited / 1000)} s)`);
    }
    timer = clock.after(interval, look);
  };
  timer = clock.after(interval, look);
  const clear = (): void => {
    if (shown) redraw(terminal, "");
    shown = false;
    since = clock.now();
  };
  const writing =
    (write: (text: string) => void) =>
    (text: string): void => {
      clear();
      write(text);
    };
  return {
    terminal: { ...terminal, out: writing(terminal.out), err: writing(terminal.err) },
    stop: () => {
      timer.cancel();
      clear();
    },
  };
}
