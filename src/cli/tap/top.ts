/** `viz top` at work: events into the table, the table onto the screen, keys into what is shown. */
import type { Clock, Timer } from "#lib/clock.ts";
import type { TapLine } from "#viz/client/tap-event.ts";
import { Screen, type Key, type ScreenDevice } from "./screen.ts";
import { frameLines, topColumns, topFrame } from "./top-frame.ts";
import { TopTable } from "./top-table.ts";

export interface TopOptions {
  /** What is looked at, for the title. */
  readonly what: string;
  readonly hideSources: boolean;
  readonly byRoute: boolean;
}

/** ms between two drawings: often enough to be live, seldom enough for a slow line. */
const refresh = 500;

/** Runs until somebody quits (resolves) or the lines end or fail. `lines` is told to stop by the signal. */
export async function runTop(
  lines: (signal: AbortSignal) => AsyncIterable<TapLine>,
  device: ScreenDevice,
  clock: Clock,
  options: TopOptions,
): Promise<"quit" | "ended"> {
  const table = new TopTable(options);
  const columns = topColumns(options);
  const started = clock.now();
  const stop = new AbortController();
  const state = {
    sort: columns.findIndex(({ header }) => header === "Count"),
    reverse: false,
    offset: 0,
    paused: false,
    /** What is shown while paused. */
    frozen: table.rows,
    proxies: "",
    dropped: "",
    note: "",
  };
  const rows = () => (state.paused ? state.frozen : table.rows);
  const draw = (): void => {
    const { size } = screen;
    const all = rows();
    state.offset = Math.max(0, Math.min(state.offset, all.length - (size.rows - frameLines)));
    const seconds = Math.floor((clock.now() - started) / 1000);
    const parts = [`top ${options.what}`, `${seconds}s`, state.proxies, state.dropped, state.note];
    const title = [...parts, state.paused ? "PAUSED" : ""].filter((part) => part !== "").join("   ");
    screen.draw(topFrame(all, { ...state, columns, title }, size), new Set([1]));
  };
  let quit = false;
  const onKey = (key: Key): void => {
    const page = Math.max(1, screen.size.rows - frameLines);
    switch (key) {
      case "q":
      case "quit":
        quit = true;
        stop.abort();
        return;
      case "left":
      case "h":
        state.sort = (state.sort + columns.length - 1) % columns.length;
        break;
      case "right":
      case "l":
        state.sort = (state.sort + 1) % columns.length;
        break;
      case "r":
        state.reverse = !state.reverse;
        break;
      case "up":
      case "k":
        state.offset--;
        break;
      case "down":
      case "j":
        state.offset++;
        break;
      case "pageup":
        state.offset -= page;
        break;
      case "pagedown":
      case " ":
        state.offset += page;
        break;
      case "home":
        state.offset = 0;
        break;
      case "end":
        state.offset = Number.MAX_SAFE_INTEGER;
        break;
      case "p":
        state.frozen = table.rows.map((row) => ({ ...row }));
        state.paused = !state.paused;
        break;
      case "c":
        table.clear();
        state.frozen = [];
        break;
      default:
        return;
    }
    draw();
  };
  const screen = new Screen(device, { key: onKey, resize: () => draw() });
  let timer: Timer;
  const tick = (): void => {
    draw();
    timer = clock.after(refresh, tick);
  };
  tick();
  try {
    for await (const line of lines(stop.signal)) {
      if ("event" in line) table.add(line.event);
      else if ("tapping" in line) state.proxies = `${line.tapping.proxies} of ${line.tapping.pods} pods`;
      else if ("dropped" in line) state.dropped = `${line.dropped.rate + line.dropped.slow} requests left out`;
      else if ("note" in line) state.note = line.note;
    }
  } finally {
    timer!.cancel();
    screen.close();
  }
  return quit ? "quit" : "ended";
}
