import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryLog } from "#lib/log.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { tlsFilesIn, watchKeyPairFiles } from "./key-pair-files.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "tls-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function put(cert: string, key: string): void {
  writeFileSync(join(directory, "tls.crt"), cert);
  writeFileSync(join(directory, "tls.key"), key);
}

test("watchKeyPairFiles follows the files, tells only of changes, and keeps the last pair when they vanish", () => {
  const clock = new FakeClock();
  const { log, lines } = memoryLog();
  const stop = new AbortController();
  put("C1", "K1");
  const pair = watchKeyPairFiles(tlsFilesIn(directory), { clock, log, signal: stop.signal });
  const seen: string[] = [];
  pair.watch(({ certPem }) => seen.push(certPem));
  clock.advance(30_000);
  put("C2", "K2");
  clock.advance(10_000);
  rmSync(join(directory, "tls.key"));
  clock.advance(10_000);
  expect(seen).toEqual(["C2"]);
  expect(pair.get()).toEqual({ certPem: "C2", keyPem: "K2" });
  expect(lines.length).toBe(1);
  stop.abort();
  clock.advance(20_000);
  expect(clock.timers).toBe(0);
});

test("watchKeyPairFiles says which directory has no certificate at the start", () => {
  const deps = { clock: new FakeClock(), log: memoryLog().log };
  expect(() => watchKeyPairFiles(tlsFilesIn(directory), deps)).toThrow(
    `Failed to read the certificate and key in "${directory}"`,
  );
});
