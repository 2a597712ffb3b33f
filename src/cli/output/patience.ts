/** A word to somebody who waits: after two seconds without output a line on standard error says that it goes on. */
import type { Terminal } from "../globals.ts";
import { redraw } from "./progress.ts";

/** ms without output before the first word. */
const patience = 2000;

/** The same terminal, on which the line disappears as soon as anything is written; `stop` ends it. */
export function patient(terminal: Terminal, what: string): { readonly terminal: Terminal; stop(): void } {
  if (!terminal.interactive) return { terminal, stop: () => {} };
  let since = performance.now();
  let shown = false;
  const clear = (): void => {
    if (shown) redraw(terminal, "");
    shown = false;
    since = performance.now();
  };
  const timer = setInterval(() => {
    const waited = performance.now() - since;
    if (waited < patience) return;
    shown = true;
    redraw(terminal, `${what} is still working (${Math.round(waited / 1000)} s)`);
  }, 500);
  timer.unref();
  const writing =
    (write: (text: string) => void) =>
    (text: string): void => {
      clear();
      write(text);
    };
  return {
    terminal: { ...terminal, out: writing(terminal.out), err: writing(terminal.err) },
    stop: () => {
      clearInterval(timer);
      clear();
    },
  };
}
