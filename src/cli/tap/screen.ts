/** The whole of a terminal: drawn line by line where something changed, keys and size, and as it was afterwards. */
import { MeshError } from "#lib/errors.ts";
import type { Size } from "./top-frame.ts";

/** Keys by name ("up", "left", "pageup", …) or as the character typed. */
export type Key = string;

/** A terminal to draw on; replaced in tests. */
export interface ScreenDevice {
  size(): Size;
  write(text: string): void;
  /** What is typed, in pieces. The result stops it. */
  onInput(handle: (text: string) => void): () => void;
  onResize(handle: () => void): () => void;
}

const enter = "\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[2J";
const leave = "\u001b[?7h\u001b[?25h\u001b[?1049l";

export class Screen {
  private readonly device: ScreenDevice;
  private lines: readonly string[] = [];
  private closed = false;
  private readonly stops: Array<() => void> = [];

  constructor(device: ScreenDevice, on: { readonly key: (key: Key) => void; readonly resize: () => void }) {
    this.device = device;
    device.write(enter);
    this.stops.push(
      device.onInput((text) => {
        for (const key of keysOf(text)) on.key(key);
      }),
      device.onResize(() => {
        // Terminals wrap and cut differently when they change: begin anew.
        this.lines = [];
        device.write("\u001b[2J");
        on.resize();
      }),
    );
  }

  get size(): Size {
    return this.device.size();
  }

  /** @param bold the lines that are drawn in reverse video, by their number */
  draw(lines: readonly string[], bold: ReadonlySet<number> = new Set()): void {
    if (this.closed) return;
    const { columns } = this.size;
    // Erased first: behind a line as wide as the screen that would take its last character.
    const drawn = lines.map((line, at) =>
      bold.has(at)
        ? `\u001b[7m${line}${" ".repeat(Math.max(0, columns - Bun.stringWidth(line)))}\u001b[0m`
        : `\u001b[2K${line}`,
    );
    const changes = drawn.map((line, at) => (line === this.lines[at] ? "" : `\u001b[${at + 1};1H${line}`)).join("");
    this.lines = drawn;
    if (changes !== "") this.device.write(changes);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const stop of this.stops) stop();
    this.device.write(leave);
  }
}

const named: Readonly<Record<string, Key>> = {
  "\u001b[A": "up",
  "\u001bOA": "up",
  "\u001b[B": "down",
  "\u001bOB": "down",
  "\u001b[C": "right",
  "\u001bOC": "right",
  "\u001b[D": "left",
  "\u001bOD": "left",
  "\u001b[5~": "pageup",
  "\u001b[6~": "pagedown",
  "\u001b[H": "home",
  "\u001b[1~": "home",
  "\u001b[F": "end",
  "\u001b[4~": "end",
  "\u0003": "quit",
  "\u0004": "quit",
};

/** What was typed as keys; sequences that are none of ours are passed over. */
export function keysOf(text: string): Key[] {
  // oxlint-disable-next-line no-control-regex
  const parts = text.match(/\u001b\[[0-9;?]*[A-Za-z~]|\u001bO[A-Za-z]|[^\u001b]|\u001b/gu) ?? [];
  return parts.flatMap((part) => {
    const key = Object.hasOwn(named, part) ? named[part] : undefined;
    if (key !== undefined) return [key];
    return part.startsWith("\u001b") ? [] : [part];
  });
}

/** The terminal of this process. Throws "environment" when there is none. `write`: to standard output. */
export function processDevice(write: (text: string) => void): ScreenDevice {
  const { stdin, stdout } = process;
  if (!stdin.isTTY || !stdout.isTTY)
    throw new MeshError("environment", "This needs a terminal for its input and output; `linkerd viz tap` does not");
  return {
    size: () => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 }),
    write,
    onInput(handle) {
      const onData = (data: Buffer): void => handle(data.toString("utf8"));
      stdin.setRawMode(true);
      stdin.on("data", onData);
      stdin.resume();
      return () => {
        stdin.off("data", onData);
        stdin.setRawMode(false);
        stdin.pause();
      };
    },
    onResize(handle) {
      stdout.on("resize", handle);
      return () => stdout.off("resize", handle);
    },
  };
}
