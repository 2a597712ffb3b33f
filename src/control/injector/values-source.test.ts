import { expect, test } from "bun:test";
import { memoryLog } from "#lib/log.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { watchValues } from "./values-source.ts";

test("settings follow their files, and a mistake keeps the last good ones", () => {
  const files = new Map([
    ["values", "proxy: {logLevel: debug}\n"],
    ["anchors", "first"],
  ]);
  const clock = new FakeClock();
  const { log, lines } = memoryLog("error");
  const values = watchValues(
    { valuesFile: "values", anchorsFile: "anchors" },
    { clock, log, read: (path) => files.get(path) ?? "" },
  );
  expect([values.get().proxy.logLevel, values.get().identityTrustAnchorsPEM]).toEqual(["debug", "first"]);
  files.set("anchors", "second");
  clock.advance(5000);
  expect(values.get().identityTrustAnchorsPEM).toBe("second");
  files.set("values", "proxy: {logLevl: info}\n");
  clock.advance(20_000);
  expect(values.get().proxy.logLevel).toBe("debug");
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('did you mean \\"proxy.logLevel\\"');
});

test("without settings there is no start", () => {
  expect(() =>
    watchValues(
      { valuesFile: "values", anchorsFile: "anchors" },
      { clock: new FakeClock(), log: memoryLog().log, read: () => "" },
    ),
  ).toThrow('"values" is empty');
});
