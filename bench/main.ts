/**
 * `npm run bench [-- --quick] [-- --only PART] [-- --source]`: our proxy beside HAProxy and nginx in one run on one
 * machine. Prints a line per case, then tables of ratios and the limits. A full run writes bench/results/DATE.md. Our proxy is
 * the compiled executable, as in a pod; `--source` takes the sources, and so does `--profile`.
 */
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startApp } from "./macro/app.ts";
import { loadProgram, startServers } from "./macro/load-program.ts";
import { compileLinkerd, linkerd, type LinkerdOptions } from "./macro/linkerd.ts";
import { machine } from "./macro/machine.ts";
import { measureCpu, measureLatency, measureMemory, startAll, type Plan, type Running } from "./macro/measure.ts";
import { loadCases, measureFeatures, measureLoads } from "./macro/measure-loads.ts";
import { haproxy, nginx, type Contender } from "./macro/peers.ts";
import { createPki } from "./macro/pki.ts";
import type { Kind } from "./macro/ports.ts";
import { killAll } from "./macro/process.ts";
import {
  cpuTable,
  featureTable,
  latencyTable,
  loadTable,
  memoryTable,
  throughputTable,
  type LoadMeasure,
} from "./macro/results.ts";
import { verdictLine, verdicts } from "./macro/verdicts.ts";
import { createWorld, destroyWorld, proxyUid } from "./macro/world.ts";

const parts = ["hop", "pair", "http2", "bulk", "memory", "latency", "features"] as const;
type Part = (typeof parts)[number];

const full: Plan = {
  connections: [1, 16, 64],
  largeConnections: [1, 16, 64],
  rounds: 3,
  seconds: 2,
  warmUp: 5,
  pacedSeconds: 5,
  busySeconds: 8,
  rate: 1000,
  idleConnections: 2000,
  restSeconds: 30,
};
const quick: Plan = {
  ...full,
  connections: [16, 64],
  largeConnections: [16],
  rounds: 1,
  warmUp: 3,
  pacedSeconds: 2,
  busySeconds: 4,
  restSeconds: 0,
};

/** What our proxy has to do; the first one is what the others are compared with. */
const featureStates: ReadonlyArray<Pick<LinkerdOptions, "name" | "features" | "env">> = [
  { name: "metrics alone" },
  { name: "policy: a Server with 3 routes and 2 authorizations", features: ["policy"] },
  { name: "routes: 3 of the Service", features: ["routes"] },
  { name: "retries armed on one route", features: ["retries"] },
  { name: "access log", env: { ACCESS_LOG: "apache" } },
  { name: "policy and routes", features: ["policy", "routes"] },
];

/** Above its limit by this factor, even a noisy machine means that something is broken; times on the wall mean nothing there. */
const broken = 2;

interface Arguments {
  readonly quick: boolean;
  readonly only: Part | null;
  readonly profile: string | null;
  /** Our proxy runs from its sources. */
  readonly source: boolean;
}

function readArguments(argv: readonly string[]): Arguments | null {
  let only: Part | null = null;
  let isQuick = false;
  let profile: string | null = null;
  let source = false;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i];
    if (word === "--quick") isQuick = true;
    else if (word === "--source") source = true;
    else if (word === "--only") {
      only = parts.find((part) => part === argv[i + 1]) ?? null;
      if (only === null) return null;
      i++;
    } else if (word === "--profile" && argv[i + 1] !== undefined) {
      profile = argv[++i] ?? null;
    } else return null;
  }
  return { quick: isQuick, only, profile, source: source || profile !== null };
}

/** What is missing to run at all, as one message, or null. */
function missing(): string | null {
  if (process.platform !== "linux") return "The bench needs Linux: it uses network namespaces and nftables";
  if (process.getuid?.() !== 0)
    return "The bench needs root: it makes network namespaces and redirect rules; try sudo npm run bench";
  const packages: Record<string, string> = {
    haproxy: "haproxy",
    nginx: "nginx-light",
    wrk: "wrk",
    h2load: "nghttp2-client",
    nft: "nftables",
    ip: "iproute2",
    curl: "curl",
    setpriv: "util-linux",
  };
  const absent = Object.keys(packages).filter((tool) => Bun.which(tool) === null);
  if (absent.length === 0) return null;
  const names = absent.map((tool) => packages[tool]);
  return `The bench needs ${absent.join(", ")}: apt-get install -y --no-install-recommends ${names.join(" ")}`;
}

async function bench(options: Arguments, folder: string): Promise<number> {
  const plan = options.quick ? quick : full;
  const wants = (part: Part): boolean => options.only === null || options.only === part;
  const begun = performance.now();
  const say = (line: string): void => {
    console.log(`${((performance.now() - begun) / 1000).toFixed(0).padStart(4)} s  ${line}`);
  };
  await createWorld();
  const pki = createPki(folder);
  await startApp(folder);
  const executable = options.source ? null : await compileLinkerd(folder);
  const how = { executable, profile: options.profile };
  // What a user of all of it has: a Server with routes and authorizations, routes of the Service, metrics (always on).
  const ours = linkerd(folder, pki, { ...how, features: ["policy", "routes"] });
  const contenders = [haproxy(folder, pki), nginx(folder, pki), ours];

  const kinds = (["hop", "pair"] as const).filter((kind) => wants(kind) || wants("latency"));
  const running = kinds.length > 0 ? await startAll(contenders, kinds, plan, say) : [];
  const cpuKinds = kinds.filter(wants);
  const cpu = cpuKinds.length > 0 ? await measureCpu(running, cpuKinds, plan, say) : [];
  const latency = wants("latency") ? await measureLatency(running, plan, say) : [];
  for (const { hop } of running) await hop.stop();
  const loads = wants("http2") || wants("bulk") ? await measureAllLoads() : [];
  const memory = wants("memory") ? await measureMemory(contenders, plan, say) : [];
  const features = wants("features") && !options.quick ? await measureAllFeatures() : [];

  async function measureAllLoads(): Promise<LoadMeasure[]> {
    const program = await loadProgram((line) => say(line));
    const cases = loadCases(program).filter(({ part, quick }) => wants(part) && (quick || !options.quick));
    const stopServers = await startServers(program);
    // A quick run compares with one peer; nginx passes no raw TCP in its standard build.
    const without = (kind: Kind): readonly Contender[] =>
      contenders.filter(({ name }) => name !== "nginx" || !(options.quick || kind === "tcp"));
    const started: Running[] = [];
    for (const kind of new Set(cases.map((one) => one.kind))) {
      started.push(...(await startAll(without(kind), [kind], plan, say, started.length)));
    }
    const found = await measureLoads(started, cases, plan, say);
    for (const { hop } of started) await hop.stop();
    await stopServers();
    return found;
  }

  async function measureAllFeatures(): Promise<LoadMeasure[]> {
    const states = featureStates.map((state) => linkerd(folder, pki, { ...how, ...state }));
    const started = await startAll(states, ["pair"], { ...plan, warmUp: 1 }, say);
    const found = await measureFeatures(started, { ...plan, rounds: 5 }, say);
    for (const { hop } of started) await hop.stop();
    return found;
  }

  const found = verdicts(cpu, memory, loads, latency);
  const failed = [...cpu, ...latency, ...loads, ...features].reduce((sum, measure) => sum + measure.failed, 0);
  const report = [
    `## Limits\n\n${found.map((verdict) => `- ${verdictLine(verdict)}`).join("\n")}\n`,
    ...(cpu.length > 0 ? [`## CPU per request, to HAProxy's\n\n${cpuTable(cpu, "HAProxy")}`] : []),
    ...(cpu.length > 0 ? [`## Requests per second, to a direct connection's\n\n${throughputTable(cpu)}`] : []),
    ...(loads.length > 0
      ? [`## CPU of other loads through a pair, to HAProxy's\n\n${loadTable(loads, "HAProxy")}`]
      : []),
    ...(features.length > 0 ? [`## What features cost, µs of CPU per request\n\n${featureTable(features)}`] : []),
    ...(latency.length > 0 ? [`## Latency at a fixed rate, to a direct connection's\n\n${latencyTable(latency)}`] : []),
    ...(memory.length > 0 ? [`## Private memory\n\n${memoryTable(memory)}`] : []),
  ].join("\n");
  console.log(`\n${report}`);
  if (!options.quick && options.only === null) {
    const date = new Date().toISOString().slice(0, 10);
    const results = join(import.meta.dir, "results");
    mkdirSync(results, { recursive: true });
    writeFileSync(join(results, `${date}.md`), `# Bench of ${date}\n\n${machine()}\n${report}`);
    console.log(`Written to bench/results/${date}.md`);
  }
  if (failed > 0) console.log(`× ${failed} requests failed`);
  const slack = options.quick ? broken : 1;
  const beyond = found.filter(({ value, limit, unit }) => value > limit * slack && !(options.quick && unit === "ms"));
  return failed > 0 || beyond.length > 0 ? 1 : 0;
}

const options = readArguments(process.argv.slice(2));
if (options === null) {
  console.error(`Usage: npm run bench -- [--quick] [--only ${parts.join("|")}] [--profile FOLDER] [--source]`);
  process.exit(1);
}
const problem = missing();
if (problem !== null) {
  console.error(problem);
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), "linkerd-bench-"));
let cleaning: Promise<void> | null = null;
const clean = (): Promise<void> => {
  cleaning ??= (async () => {
    killAll();
    await destroyWorld();
    rmSync(folder, { recursive: true, force: true });
  })();
  return cleaning;
};
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    void clean().finally(() => process.exit(130));
  });
}
let code = 1;
try {
  // The proxies run as another user and read their files here.
  chownSync(folder, proxyUid, proxyUid);
  chmodSync(folder, 0o755);
  code = await bench(options, folder);
} catch (error) {
  if (cleaning === null) console.error(error instanceof Error ? error.message : error);
} finally {
  await clean();
}
process.exit(code);
