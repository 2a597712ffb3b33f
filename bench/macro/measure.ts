/** The measurements: CPU per request in alternated rounds, latencies at a fixed rate, private memory. */
import { join } from "node:path";
import { paths } from "./app.ts";
import { h2load, paced, wrk } from "./load.ts";
import { mappingLine } from "./mappings.ts";
import type { Contender, Hop } from "./peers.ts";
import { portsOf, type Kind, type Ports } from "./ports.ts";
import { anonymousKib, cpuSeconds, start, type Started } from "./process.ts";
import { combine, median, ratio, type LatencyMeasure, type Measure, type MemoryMeasure } from "./results.ts";
import { client, echoPort, redirect, server } from "./world.ts";

/** A contender that runs, and where. */
export interface Running {
  readonly contender: string;
  readonly kind: Kind;
  readonly hop: Hop;
  readonly ports: Ports;
}

export interface Plan {
  readonly connections: readonly number[];
  /** Connections of the runs with large bodies. */
  readonly largeConnections: readonly number[];
  readonly rounds: number;
  /** Seconds of one measured run, and of the warm-up of each set-up. */
  readonly seconds: number;
  readonly warmUp: number;
  /** Seconds of a run at a fixed rate, and of one under full load whose memory is watched. */
  readonly pacedSeconds: number;
  readonly busySeconds: number;
  readonly rate: number;
  readonly idleConnections: number;
  /** Seconds without traffic after which memory should be back after very many streams; 0: that is not measured. */
  readonly restSeconds: number;
}

export type Say = (line: string) => void;

/** Starts every contender in every kind, on ports of its own, and warms it up. */
export async function startAll(
  contenders: readonly Contender[],
  kinds: readonly Kind[],
  plan: Plan,
  say: Say,
  /** Set-ups that run already. */
  others = 0,
): Promise<Running[]> {
  const all: Running[] = [];
  for (const kind of kinds) {
    for (const contender of contenders) {
      const ports = portsOf(others + all.length);
      all.push({ contender: contender.name, kind, ports, hop: await contender.start(kind, ports) });
    }
  }
  for (const { contender, kind, ports } of all) {
    // The loads of the others warm up themselves.
    if (kind !== "hop" && kind !== "pair") continue;
    await redirect(ports.outbound);
    const small = await wrk(paths.small, 16, plan.warmUp);
    const large = await wrk(paths.large, 16, Math.ceil(plan.warmUp / 3));
    say(`warm-up: ${contender} ${kind}${failures(small.failed + large.failed)}`);
  }
  return all;
}

/** CPU per request of each case: the contenders take turns, so that whatever else the machine does meets all alike. */
export async function measureCpu(
  all: readonly Running[],
  kinds: readonly Kind[],
  plan: Plan,
  say: Say,
): Promise<Measure[]> {
  const rounds: Measure[] = [];
  const cases = [
    ...plan.connections.map((connections) => ({ path: "small" as const, connections })),
    ...plan.largeConnections.map((connections) => ({ path: "large" as const, connections })),
  ];
  for (const { path, connections } of cases) {
    for (let round = 0; round < plan.rounds; round++) {
      await redirect(null);
      const direct = await wrk(paths[path], connections, Math.min(plan.seconds, 2));
      rounds.push({
        contender: "direct",
        kind: "direct",
        path,
        connections,
        cpuPerRequest: 0,
        requestsPerSecond: direct.perSecond,
        failed: direct.failed,
      });
      for (const kind of kinds) {
        for (const running of all.filter((other) => other.kind === kind)) {
          rounds.push(await measureOne(running, path, connections, plan.seconds));
        }
      }
    }
    for (const kind of kinds) say(caseLine(combine(rounds), kind, path, connections));
  }
  return combine(rounds);
}

async function measureOne(
  { contender, kind, hop, ports }: Running,
  path: Measure["path"],
  connections: number,
  seconds: number,
): Promise<Measure> {
  await redirect(ports.outbound);
  // Connections between proxies are kept for a few seconds: made here, they are not part of what is measured.
  await wrk(paths[path], connections, 1);
  const before = cpuOf(hop);
  const { requests, failed, perSecond } = await wrk(paths[path], connections, seconds);
  return {
    contender,
    kind: kind === "pair" ? "pair" : "hop",
    path,
    connections,
    cpuPerRequest: (cpuOf(hop) - before) / requests,
    requestsPerSecond: perSecond,
    failed,
  };
}

/** CPU seconds of a contender so far, both sides. */
export function cpuOf(hop: Hop): number {
  return cpuSeconds(hop.out.pid) + (hop.in === null ? 0 : cpuSeconds(hop.in.pid));
}

function caseLine(measures: readonly Measure[], kind: Kind, path: string, connections: number): string {
  const same = measures.filter((m) => m.kind === kind && m.path === path && m.connections === connections);
  const base = same.find((m) => m.contender === "HAProxy")?.cpuPerRequest ?? 0;
  const cells = same.map((m) => {
    const absolute = `${(m.cpuPerRequest * 1e6).toFixed(1)} µs`;
    return `${m.contender} ${absolute} ${ratio(m.cpuPerRequest, base)}${failures(m.failed)}`;
  });
  return `CPU per request, ${kind}, ${connections} connections, ${path}: ${cells.join(", ")}`;
}

function failures(count: number): string {
  return count > 0 ? ` (${count} failed)` : "";
}

/** Latencies at a fixed rate over 16 connections. */
export async function measureLatency(all: readonly Running[], plan: Plan, say: Say): Promise<LatencyMeasure[]> {
  const measures: LatencyMeasure[] = [];
  const measure = async (contender: string, kind: LatencyMeasure["kind"]): Promise<void> => {
    await wrk(paths.small, 16, 1);
    const { p50, p99, failed } = await paced(paths.small, 16, plan.rate, plan.pacedSeconds);
    measures.push({ contender, kind, rate: plan.rate, p50, p99, failed });
    say(
      `latency at ${plan.rate}/s, ${kind}, ${contender}: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms${failures(failed)}`,
    );
  };
  await redirect(null);
  await measure("direct", "direct");
  for (const { contender, kind, ports } of all) {
    if (kind !== "hop" && kind !== "pair") continue;
    await redirect(ports.outbound);
    await measure(contender, kind);
  }
  return measures;
}

/** Memory of set-ups made for this: fresh, with 100 busy connections, and per idle connection. */
export async function measureMemory(contenders: readonly Contender[], plan: Plan, say: Say): Promise<MemoryMeasure[]> {
  const measures: MemoryMeasure[] = [];
  const note = (contender: string, what: string, kib: number): void => {
    measures.push({ contender, what, kib });
    say(`private memory, ${contender}, ${what}: ${kib.toFixed(kib < 100 ? 1 : 0)} KiB`);
  };
  for (const contender of contenders) {
    const ports = portsOf(20);
    const hop = await contender.start("pair", ports);
    await redirect(ports.outbound);
    await Bun.sleep(1000);
    note(contender.name, "fresh, client's side", anonymousKib(hop.out.pid));
    let busy = "";
    const sides = await watchMemory(hop, () =>
      wrk(paths.small, 100, plan.busySeconds, () => {
        if (contender.name === "linkerd") busy = mappingLine(hop.out.pid);
      }),
    );
    for (const { side, steady } of sides) note(contender.name, `100 busy connections, steady, ${side} side`, steady);
    for (const { side, peak } of sides) note(contender.name, `100 busy connections, peak, ${side} side`, peak);
    if (busy !== "") say(`where it is, client's side: ${busy}`);
    await hop.stop();
  }
  // The others are not set up for so many streams: they refuse most of them.
  for (const contender of contenders.filter(({ name }) => name === "linkerd" && plan.restSeconds > 0)) {
    const ports = portsOf(22);
    const hop = await contender.start("h2", ports);
    await redirect(ports.outbound);
    await Bun.sleep(1000);
    const { failed } = await h2load(paths.small, 1, 1, 1);
    let refused = failed;
    const sides = await watchMemory(hop, async () => {
      refused += (await h2load(paths.small, 100, 100, plan.busySeconds)).failed;
    });
    if (refused > 0) throw new Error(`${refused} requests failed by 100 HTTP/2 connections × 100 streams`);
    for (const { side, peak } of sides) note(contender.name, `100 HTTP/2 connections × 100, peak, ${side} side`, peak);
    await Bun.sleep(plan.restSeconds * 1000);
    for (const { side, program } of sides) {
      const what = `after 100 HTTP/2 connections × 100 and ${plan.restSeconds} s, ${side} side`;
      note(contender.name, what, anonymousKib(program.pid));
    }
    await hop.stop();
  }
  // nginx passes no raw TCP in its standard build.
  const echo = await startEcho();
  for (const contender of contenders.filter(({ name }) => name !== "nginx")) {
    const ports = portsOf(21);
    const hop = await contender.start("tcp", ports);
    await redirect(ports.outbound);
    // What the first connections cost once (compiled code, tables) is not theirs.
    const first = await holdIdle(100);
    await Bun.sleep(500);
    const before = [hop.out, hop.in].map((side) => (side === null ? 0 : anonymousKib(side.pid)));
    const rest = await holdIdle(plan.idleConnections);
    await Bun.sleep(3000);
    for (const [index, side] of [hop.out, hop.in].entries()) {
      if (side === null) continue;
      const each = (anonymousKib(side.pid) - before[index]!) / plan.idleConnections;
      note(contender.name, `per idle mTLS connection pair, ${index === 0 ? "client's" : "server's"} side`, each);
    }
    await first.stop();
    await rest.stop();
    await hop.stop();
  }
  await echo.stop();
  return measures;
}

interface Watched {
  readonly side: "client's" | "server's";
  readonly program: Started;
  /** Median of the second half, the first one being the warm-up; KiB. */
  readonly steady: number;
  readonly peak: number;
}

/** Samples the private memory of both sides, five times a second, while `load` runs. */
async function watchMemory(hop: Hop, load: () => Promise<unknown>): Promise<Watched[]> {
  const sides = [
    { side: "client's" as const, program: hop.out, samples: [] as number[] },
    ...(hop.in === null ? [] : [{ side: "server's" as const, program: hop.in, samples: [] as number[] }]),
  ];
  const sample = setInterval(() => {
    for (const { program, samples } of sides) samples.push(anonymousKib(program.pid));
  }, 200);
  try {
    await load();
  } finally {
    clearInterval(sample);
  }
  return sides.map(({ side, program, samples }) => ({
    side,
    program,
    steady: median(samples.slice(samples.length / 2)),
    peak: Math.max(...samples),
  }));
}

async function startEcho(): Promise<Started> {
  const script = join(import.meta.dir, "idle-peers.ts");
  return await ready(start("echo", [process.execPath, "--smol", script, "echo", String(echoPort)], server));
}

/** Opens connections through the proxy, each proven by one byte there and back; they stay until it is stopped. */
async function holdIdle(count: number): Promise<Started> {
  const script = join(import.meta.dir, "idle-peers.ts");
  const argv = [process.execPath, "--smol", script, "hold", server.ip, String(echoPort), String(count)];
  return await ready(start(`${count} idle connections`, argv, client));
}

async function ready(program: Started): Promise<Started> {
  for (let i = 0; i < 600; i++) {
    if (program.output().includes("ready")) return program;
    if (program.output().includes("failed")) break;
    await Bun.sleep(50);
  }
  throw new Error(`${program.name} did not come up:\n${program.output()}`);
}
