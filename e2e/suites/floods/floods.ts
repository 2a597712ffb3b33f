/** One flood after the other, against both proxies at once, while others make requests: what that does to them, and to memory. */
import { join } from "node:path";
import { anonymousKib } from "../../../bench/macro/process.ts";
import { load, succeeded, type LoadResult } from "../load.ts";
import { appPorts, server, startPair, type Pair } from "../pair.ts";
import { suiteProgram } from "../programs.ts";
import type { Outcome } from "./attacker.ts";

const port = appPorts[2];
/** MiB of private memory that may be left within ten seconds after an attack. */
export const maxLeft = 16;

export interface Attackers {
  readonly kind: string;
  /** To each proxy. */
  readonly connections: number;
}

/** How the clients fare that do no harm: the worst of those of HTTP/1 and HTTP/2, through both proxies and one. */
export interface Others {
  readonly ok: number;
  readonly failed: number;
  readonly p50: number;
  readonly p99: number;
  readonly errors: readonly string[];
}

export interface Flood {
  readonly others: Others;
  /** By kind; both proxies together. */
  readonly outcomes: ReadonlyArray<Outcome & { readonly kind: string; readonly side: string }>;
  /** The most that a proxy's private memory grew, and by how much it was larger some seconds later, MiB. */
  readonly growth: number;
  readonly left: number;
}

export class Floods {
  readonly pair: Pair;
  private readonly app: string;

  private constructor(pair: Pair, app: string) {
    this.pair = pair;
    this.app = app;
  }

  static async start(): Promise<Floods> {
    const app = await suiteProgram("suite-app");
    const pair = await startPair();
    await pair.inServer("application", [app, "serve", `0.0.0.0:${port}`], port);
    const floods = new Floods(pair, app);
    await floods.others(3);
    return floods;
  }

  async others(seconds: number): Promise<Others> {
    const common = { rate: 100, seconds, clients: 4 };
    const results = await Promise.all([
      load(this.pair, this.app, { ...common, url: `http://${server.ip}:${port}/`, proto: "h1" }),
      load(this.pair, this.app, { ...common, url: `http://${server.ip}:${port}/`, proto: "h2" }),
      load(this.pair, this.app, { ...common, url: `http://${server.bareIp}:${port}/`, proto: "h2" }),
    ]);
    const counts = results.map(succeeded);
    return {
      ok: counts.reduce((sum, { ok }) => sum + ok, 0),
      failed: counts.reduce((sum, { failed }) => sum + failed, 0),
      p50: Math.max(...results.map(({ p50 }) => p50)),
      p99: Math.max(...results.map(({ p99 }) => p99)),
      errors: results.flatMap(({ errors, statuses }) => [...errors, JSON.stringify(statuses)]),
    };
  }

  /** Asks for responses whose heads have so many KiB, over HTTP/2 through both proxies. */
  async heads(kib: number, seconds: number): Promise<LoadResult> {
    const url = `http://${server.ip}:${port}/headers?n=${kib}&size=1000`;
    return await load(this.pair, this.app, { url, proto: "h2", rate: 20, seconds, clients: 2 });
  }

  private memory(): number[] {
    return [this.pair.out, this.pair.in].map(({ pid }) => anonymousKib(pid) / 1024);
  }

  async flood(all: readonly Attackers[], seconds: number): Promise<Flood> {
    const before = this.memory();
    const growthOf = (): number => Math.max(...this.memory().map((now, index) => now - before[index]!));
    let growth = 0;
    const timer = setInterval(() => (growth = Math.max(growth, growthOf())), 250);
    const others = this.others(seconds);
    const runs = all.flatMap(({ kind, connections }) =>
      [server.bareIp, server.ip].map(async (ip) => {
        const script = join(import.meta.dir, "attacker.ts");
        const argv = [
          "nice",
          process.execPath,
          "--smol",
          script,
          kind,
          ip,
          String(port),
          String(connections),
          String(seconds),
        ];
        const { output } = await this.pair.runInClient(argv, seconds * 1000 + 10_000);
        return { kind, side: ip === server.ip ? "out" : "in", ...(JSON.parse(output) as Outcome) };
      }),
    );
    const outcomes = await Promise.all(runs);
    const result = await others;
    clearInterval(timer);
    let left = growthOf();
    // The memory that a burst took is given back at collections, which a quiet proxy makes now and then.
    for (let i = 0; i < 20 && left > maxLeft; i++) {
      await Bun.sleep(500);
      left = growthOf();
    }
    return { others: result, outcomes, growth, left };
  }
}
