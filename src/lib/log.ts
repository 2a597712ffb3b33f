import { errorChain } from "./errors.ts";

/** Severity, most severe first. */
export const levels = ["error", "warn", "info", "debug", "trace"] as const;
export type Level = (typeof levels)[number];

/** Facts of a log line; values are printed as they are. Never secrets, never header values. */
export type Fields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** A logger of one target (for example "linkerd::outbound"). Check `enabled` before computing costly fields. */
export interface Log {
  error(message: string, fields?: Fields, thrown?: unknown): void;
  warn(message: string, fields?: Fields, thrown?: unknown): void;
  info(message: string, fields?: Fields): void;
  debug(message: string, fields?: Fields): void;
  trace(message: string, fields?: Fields): void;
  enabled(level: Level): boolean;
  /** The same sink and level, another target: `log.child("identity")` of "linkerd" is "linkerd::identity". */
  child(target: string): Log;
}

/** A level per target prefix, as in `warn,linkerd=info`: the longest matching prefix wins; "off" silences. */
export interface LevelFilter {
  readonly fallback: Level | "off";
  readonly targets: ReadonlyArray<readonly [prefix: string, level: Level | "off"]>;
}

/** Reads a filter such as `warn,linkerd=info,linkerd::identity=debug`. Unknown levels are reported by `onInvalid` and skipped. */
export function parseLevelFilter(text: string, onInvalid: (part: string) => void = () => {}): LevelFilter {
  let fallback: Level | "off" = "warn";
  const targets: Array<readonly [string, Level | "off"]> = [];
  for (const raw of text.split(",")) {
    const part = raw.trim();
    if (part === "") continue;
    const equals = part.lastIndexOf("=");
    const name = (equals < 0 ? part : part.slice(equals + 1)).toLowerCase();
    const level = name === "off" ? "off" : levels.find((candidate) => candidate === name);
    if (level === undefined) onInvalid(part);
    else if (equals < 0) fallback = level;
    else targets.push([part.slice(0, equals), level]);
  }
  return { fallback, targets: targets.toSorted((a, b) => b[0].length - a[0].length) };
}

function allows(filter: LevelFilter, target: string, level: Level): boolean {
  const found = filter.targets.find(([prefix]) => target === prefix || target.startsWith(`${prefix}::`));
  const limit = found === undefined ? filter.fallback : found[1];
  return limit !== "off" && levels.indexOf(level) <= levels.indexOf(limit);
}

/** Where lines go and what they look like. */
export interface LogSink {
  /** May be replaced while running (PUT /proxy-log-level). */
  filter: LevelFilter;
  readonly format: "plain" | "json";
  /** Takes one line without its line end. */
  readonly write: (line: string) => void;
  /** Milliseconds since 1970, for the time stamp. */
  readonly wall: () => number;
}

/** A sink on standard error. */
export function stderrSink(filter: string, format: "plain" | "json" = "plain"): LogSink {
  return {
    filter: parseLevelFilter(filter),
    format,
    // Not process.stderr: that is a stream with all of node:stream behind it, 2 MB of private memory in every proxy.
    write: (line) => console.error(line),
    wall: () => Date.now(),
  };
}

function quote(value: string): string {
  return /^[\w./:@%+-]+$/.test(value) ? value : JSON.stringify(value);
}

class SinkLog implements Log {
  private readonly sink: LogSink;
  private readonly target: string;

  constructor(sink: LogSink, target: string) {
    this.sink = sink;
    this.target = target;
  }

  enabled(level: Level): boolean {
    return allows(this.sink.filter, this.target, level);
  }

  child(target: string): Log {
    return new SinkLog(this.sink, `${this.target}::${target}`);
  }

  private emit(level: Level, message: string, fields: Fields, thrown?: unknown): void {
    if (!this.enabled(level)) return;
    const all: Fields = thrown === undefined ? fields : { ...fields, error: errorChain(thrown) };
    const timestamp = new Date(this.sink.wall()).toISOString();
    if (this.sink.format === "json") {
      this.sink.write(
        JSON.stringify({ timestamp, level: level.toUpperCase(), fields: { message, ...all }, target: this.target }),
      );
      return;
    }
    let line = `[${timestamp}] ${level.toUpperCase().padStart(5)} ${this.target}: ${message}`;
    for (const [key, value] of Object.entries(all)) {
      if (value !== undefined) line += ` ${key}=${quote(String(value))}`;
    }
    this.sink.write(line);
  }

  error(message: string, fields: Fields = {}, thrown?: unknown): void {
    this.emit("error", message, fields, thrown);
  }
  warn(message: string, fields: Fields = {}, thrown?: unknown): void {
    this.emit("warn", message, fields, thrown);
  }
  info(message: string, fields: Fields = {}): void {
    this.emit("info", message, fields);
  }
  debug(message: string, fields: Fields = {}): void {
    this.emit("debug", message, fields);
  }
  trace(message: string, fields: Fields = {}): void {
    this.emit("trace", message, fields);
  }
}

export function createLog(sink: LogSink, target = "linkerd"): Log {
  return new SinkLog(sink, target);
}

/** For tests: keeps lines instead of printing them. */
export function memoryLog(level: Level = "trace"): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = [];
  const sink: LogSink = {
    filter: { fallback: level, targets: [] },
    format: "plain",
    write: (line) => lines.push(line),
    wall: () => 0,
  };
  return { log: createLog(sink), lines };
}
