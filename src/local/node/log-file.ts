/**
 * What one run of a container wrote: lines with time and stream, as container runtimes keep them
 * ("2026-11-24T05:30:00.000Z stdout F text"). A file has at most 10 MiB; then it becomes the one old file that is kept.
 */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { LogOptions, LogSink, LogStream } from "../api/executor.ts";

/** Bytes of one file. */
const fileLimit = 10 * 1024 * 1024;
/** A longer line is cut into parts. */
const lineLimit = 16 * 1024;

type Stream = "stdout" | "stderr";

export class LogFile {
  private readonly path: string;
  private readonly wall: () => number;
  private fd: number;
  private size = 0;
  private readonly partial: Record<Stream, Buffer> = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  private readonly followers = new Set<(line: string) => void>();
  private readonly endings = new Set<() => void>();
  private ended = false;
  private last = "";

  constructor(path: string, wall: () => number) {
    this.path = path;
    this.wall = wall;
    mkdirSync(dirname(path), { recursive: true });
    this.fd = openSync(path, "w");
  }

  /** Takes what the container wrote. */
  append(stream: Stream, chunk: Uint8Array): void {
    if (this.ended) return;
    let data = this.partial[stream].length === 0 ? Buffer.from(chunk) : Buffer.concat([this.partial[stream], chunk]);
    let text = "";
    const time = new Date(this.wall()).toISOString();
    for (;;) {
      const end = data.indexOf(10);
      if (end < 0 && data.length <= lineLimit) break;
      const complete = end >= 0 && end <= lineLimit;
      const length = complete ? end : lineLimit;
      const line = data.toString("utf8", 0, length);
      if (line.length > 0) this.last = line;
      text += this.emit(`${time} ${stream} ${complete ? "F" : "P"} ${line}`);
      data = data.subarray(complete ? length + 1 : length);
    }
    // A copy: the rest must not keep a big chunk alive.
    this.partial[stream] = Buffer.from(data);
    if (text !== "") this.write(text);
  }

  private emit(line: string): string {
    for (const follower of this.followers) follower(line);
    return `${line}\n`;
  }

  private write(text: string): void {
    this.size += writeSync(this.fd, text);
    if (this.size < fileLimit) return;
    closeSync(this.fd);
    renameSync(this.path, `${this.path}.old`);
    this.fd = openSync(this.path, "w");
    this.size = 0;
  }

  /** The container ended: nothing more comes. */
  end(): void {
    if (this.ended) return;
    for (const stream of ["stdout", "stderr"] as const) {
      if (this.partial[stream].length > 0) this.append(stream, Buffer.from("\n"));
    }
    this.ended = true;
    closeSync(this.fd);
    for (const ending of [...this.endings]) ending();
  }

  /** The last line that was written, for termination messages. */
  get lastLine(): string {
    return this.last;
  }

  remove(): void {
    this.end();
    rmSync(this.path, { force: true });
    rmSync(`${this.path}.old`, { force: true });
  }

  private stored(): string[] {
    const old = existsSync(`${this.path}.old`) ? readFileSync(`${this.path}.old`, "utf8") : "";
    return (old + readFileSync(this.path, "utf8")).split("\n").filter((line) => line !== "");
  }

  /** Sends what is stored and, when asked, what follows. */
  read(options: LogOptions, sink: LogSink): LogStream {
    let lines = this.stored();
    const { since } = options;
    if (since !== null) lines = lines.filter((line) => Date.parse(line.slice(0, line.indexOf(" "))) >= since);
    if (options.tailLines !== null) lines = options.tailLines <= 0 ? [] : lines.slice(-options.tailLines);
    return new Reader(lines, options, sink, options.follow && !this.ended ? this : null).stream;
  }

  /** Used by readers: later lines and the end. The result ends it. */
  follow(onLine: (line: string) => void, onEnd: () => void): () => void {
    this.followers.add(onLine);
    this.endings.add(onEnd);
    return () => {
      this.followers.delete(onLine);
      this.endings.delete(onEnd);
    };
  }
}

/** Lines that wait for a slow reader of a followed log; beyond, the oldest are dropped. */
const waitingLimit = 10_000;

class Reader {
  private readonly waiting: string[];
  private readonly options: LogOptions;
  private readonly sink: LogSink;
  private readonly stop: (() => void) | null;
  private blocked = false;
  private done = false;
  private finished: boolean;
  private left: number;

  constructor(lines: string[], options: LogOptions, sink: LogSink, source: LogFile | null) {
    this.waiting = lines;
    this.options = options;
    this.sink = sink;
    this.left = options.limitBytes ?? Number.POSITIVE_INFINITY;
    this.finished = source === null;
    this.stop =
      source?.follow(
        (line) => {
          this.waiting.push(line);
          if (this.waiting.length > waitingLimit) this.waiting.shift();
          this.flush();
        },
        () => {
          this.finished = true;
          this.flush();
        },
      ) ?? null;
    // The caller gets its handle before the first byte.
    queueMicrotask(() => this.flush());
  }

  readonly stream: LogStream = {
    onDrain: () => {
      this.blocked = false;
      this.flush();
    },
    cancel: () => this.close(),
  };

  private close(): void {
    this.done = true;
    this.stop?.();
  }

  private flush(): void {
    while (!this.blocked && !this.done && this.waiting.length > 0) {
      const parts = this.waiting.splice(0, 500).map((line) => this.format(line));
      let chunk = Buffer.from(parts.join(""));
      if (chunk.length > this.left) chunk = chunk.subarray(0, this.left);
      this.left -= chunk.length;
      this.blocked = !this.sink.write(chunk);
      if (this.left <= 0) this.finished = true;
      if (this.left <= 0) this.waiting.length = 0;
    }
    if (this.finished && !this.done && this.waiting.length === 0) {
      this.close();
      this.sink.end();
    }
  }

  private format(line: string): string {
    const time = line.indexOf(" ");
    const stream = line.indexOf(" ", time + 1);
    const partial = line.charAt(stream + 1) === "P";
    const text = line.slice(stream + 3) + (partial ? "" : "\n");
    return this.options.timestamps ? `${line.slice(0, time)} ${text}` : text;
  }
}
