import { describe, expect, test } from "bun:test";
import { MeshError } from "#lib/errors.ts";
import { memoryLog } from "#lib/log.ts";
import { Registry } from "#lib/metrics/registry.ts";
import { text } from "#lib/metrics/text.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { exportLimits, SpanExporter } from "./exporter.ts";
import { parseAttributes } from "./tracing.ts";

function setUp() {
  const clock = new FakeClock();
  const registry = new Registry({ clock });
  const batches: number[] = [];
  const answers: Array<PromiseWithResolvers<void>> = [];
  const exporter = new SpanExporter({
    send: (request) => {
      const [{ scopeSpans: [scope] = [] } = {}] = request.resourceSpans ?? [];
      batches.push(scope?.spans?.length ?? -1);
      const answer = Promise.withResolvers<void>();
      answers.push(answer);
      return answer.promise;
    },
    resource: [["service.name", "x"]],
    version: "1",
    registry,
    clock,
    log: memoryLog().log,
  });
  const add = (count: number): void => {
    for (let at = 0; at < count; at++) exporter.add({ name: "/" });
  };
  const settle = async (at: number, error?: Error): Promise<void> => {
    if (error === undefined) answers[at]?.resolve();
    else answers[at]?.reject(error);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  };
  return { clock, registry, batches, add, settle };
}

describe("Spans", () => {
  test("are gathered for half a second, or until a batch is full", async () => {
    const t = setUp();
    t.add(3);
    expect(t.batches).toEqual([]);
    t.clock.advance(exportLimits.interval);
    expect(t.batches).toEqual([3]);
    await t.settle(0);
    t.add(exportLimits.batch);
    expect(t.batches).toEqual([3, exportLimits.batch]);
  });

  test("wait in a bounded queue while the collector is slow, and are counted when they find no place", async () => {
    const t = setUp();
    t.add(exportLimits.batch + exportLimits.queue + 7);
    expect(t.batches).toEqual([exportLimits.batch]);
    expect(text(t.registry)).toContain('opentelemetry_span_drops_total{reason="queue full"} 7\n');
    await t.settle(0);
    expect(t.batches.length).toBe(2);
    expect(text(t.registry)).toContain(`opentelemetry_span_exports_total ${exportLimits.batch}\n`);
  });

  test("are lost when the collector fails, which is then left alone for a while", async () => {
    const t = setUp();
    t.add(exportLimits.batch);
    await t.settle(0, new MeshError("unavailable", "No"));
    t.add(exportLimits.batch);
    t.clock.advance(exportLimits.interval - 1);
    expect(t.batches.length).toBe(1);
    t.clock.advance(exportLimits.pause);
    expect(t.batches.length).toBe(2);
    expect(text(t.registry)).toContain(
      `opentelemetry_span_drops_total{reason="export failed"} ${exportLimits.batch}\n`,
    );
  });
});

test("The attributes of a pod are read from what the downward API writes", () => {
  expect(parseAttributes('app="web"\npod-template-hash="x\\"y"\n\nnonsense\n')).toEqual([
    ["app", "web"],
    ["pod-template-hash", 'x"y'],
  ]);
});
