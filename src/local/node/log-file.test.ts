import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LogOptions } from "../api/executor.ts";
import { LogFile } from "./log-file.ts";

const folder = mkdtempSync(join(tmpdir(), "log-file-"));
afterAll(() => rmSync(folder, { recursive: true }));

const all: LogOptions = {
  container: "c",
  follow: false,
  previous: false,
  timestamps: false,
  tailLines: null,
  since: null,
  limitBytes: null,
};
let counter = 0;

function logFile(times: { now: number } = { now: 0 }): LogFile {
  return new LogFile(join(folder, `${counter++}.log`), () => times.now);
}

async function read(log: LogFile, options: Partial<LogOptions> = {}): Promise<string> {
  let text = "";
  await new Promise<void>((resolve) => {
    const sink = {
      write: (chunk: Uint8Array) => {
        text += Buffer.from(chunk).toString();
        return true;
      },
      end: resolve,
    };
    log.read({ ...all, ...options }, sink);
  });
  return text;
}

test("Lines split over chunks come out whole, the last one without its line end too", async () => {
  const log = logFile();
  log.append("stdout", Buffer.from("on"));
  log.append("stderr", Buffer.from("error\n"));
  log.append("stdout", Buffer.from("e\ntwo"));
  log.end();
  expect(await read(log)).toBe("error\none\ntwo\n");
  expect(log.lastLine).toBe("two");
});

test("Tail, time stamps, since and a byte limit select what is read", async () => {
  const times = { now: 0 };
  const log = logFile(times);
  for (const line of ["a", "b", "c"]) {
    log.append("stdout", Buffer.from(`${line}\n`));
    times.now += 1000;
  }
  expect(await read(log, { tailLines: 2 })).toBe("b\nc\n");
  expect(await read(log, { tailLines: 0 })).toBe("");
  expect(await read(log, { since: 2000, timestamps: true })).toBe("1970-01-01T00:00:02.000Z c\n");
  expect(await read(log, { limitBytes: 3 })).toBe("a\nb");
});

test("A line beyond 16 KiB is kept in parts and read as one", async () => {
  const log = logFile();
  const long = "x".repeat(40_000);
  log.append("stdout", Buffer.from(`${long}\n`));
  log.end();
  expect(await read(log)).toBe(`${long}\n`);
});

test("A follower gets later lines and the end, and waits while its reader is full", async () => {
  const log = logFile();
  log.append("stdout", Buffer.from("before\n"));
  const got: string[] = [];
  let room = true;
  let ended = false;
  const stream = log.read(
    { ...all, follow: true },
    {
      write: (chunk) => {
        got.push(Buffer.from(chunk).toString());
        return room;
      },
      end: () => {
        ended = true;
      },
    },
  );
  await Promise.resolve();
  room = false;
  log.append("stdout", Buffer.from("one\n"));
  log.append("stdout", Buffer.from("two\n"));
  expect(got).toEqual(["before\n", "one\n"]);
  room = true;
  stream.onDrain();
  log.end();
  expect(got).toEqual(["before\n", "one\n", "two\n"]);
  expect(ended).toBe(true);
});

test("A file never grows beyond its limit, and one old file is kept", async () => {
  const log = logFile();
  const chunk = Buffer.from(`${"y".repeat(1000)}\n`.repeat(1000));
  for (let i = 0; i < 25; i++) log.append("stdout", chunk);
  const path = join(folder, `${counter - 1}.log`);
  expect(statSync(path).size).toBeLessThan(11 * 1024 * 1024);
  expect(statSync(`${path}.old`).size).toBeLessThan(12 * 1024 * 1024);
  log.remove();
  expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined();
});
