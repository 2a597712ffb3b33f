/** One line that says what is going on, redrawn on a terminal, printed once per step elsewhere. */
import type { Terminal } from "../globals.ts";

export interface Step {
  /** Replaces the text behind the step while it runs. */
  note(text: string): void;
  done(text?: string): void;
  fail(text?: string): void;
}

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/** Replaces the line that was drawn last; a longer text than fits is cut, since a wrapped line can't be redrawn. */
export function redraw(terminal: Terminal, text: string): void {
  if (!terminal.interactive) return;
  const room = Math.max(10, terminal.columns() - 1);
  const shown = text.length > room ? `${text.slice(0, room - 1)}…` : text;
  terminal.err(`\r\u001b[2K${shown}`);
}

/** Starts a step: spinner and elapsed seconds on a terminal; in a pipe or log just the line that says how it ended. */
export function step(terminal: Terminal, title: string): Step {
  const start = performance.now();
  let note = "";
  let frame = 0;
  const seconds = (): string => `${((performance.now() - start) / 1000).toFixed(1)} s`;
  const line = (glyph: string, suffix: string): string => `${glyph} ${title}${suffix === "" ? "" : ` ${suffix}`}`;
  let timer: ReturnType<typeof setInterval> | null = null;
  if (terminal.interactive) {
    timer = setInterval(() => {
      frame = (frame + 1) % frames.length;
      redraw(terminal, line(frames[frame] ?? "", `(${seconds()}) ${note}`));
    }, 100);
  }
  const end = (glyph: string, text: string): void => {
    if (timer !== null) {
      clearInterval(timer);
      redraw(terminal, "");
    }
    terminal.err(`${line(glyph, text)} (${seconds()})\n`);
  };
  return {
    note: (text) => {
      note = text;
    },
    done: (text = "") => end("√", text),
    fail: (text = "") => end("×", text),
  };
}
