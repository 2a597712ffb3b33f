/**
 * `sh scripts/bun bench/control/main.ts [--services N] [--routes N] [--executable FILE]`: the control plane on a large cluster.
 *
 * An API server in memory (this process) has the objects; the destination and policy programs run as processes of their own, as in a
 * pod, and are asked by watchers over gRPC. Printed: time from start to ready, memory then and at its peak, and how long one change
 * takes from the API server to a watcher of what it changes, while the others watch as well.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connect } from "#lib/net/connect.ts";
import { seededRandom } from "#lib/random.ts";
import { freePort } from "#lib/testing/free-port.ts";
import { FakeApi } from "#kube/testing/fake-api.ts";
import { RpcClient } from "#rpc/client.ts";
import { Destination } from "#rpc/gen/destination_pb.ts";
import { OutboundPolicies } from "#rpc/gen/outbound_pb.ts";
import { fillCluster, type LargeCluster } from "./large-cluster.ts";

const { values } = parseArgs({
  options: {
    services: { type: "string", default: "10000" },
    routes: { type: "string", default: "5000" },
    watchers: { type: "string", default: "500" },
    changes: { type: "string", default: "300" },
    executable: { type: "string" },
  },
});
const [services, routes, watchers, changes] = [values.services, values.routes, values.watchers, values.changes].map(
  Number,
) as [number, number, number, number];

/** Goals: MB of both programs together, s, ms. */
const goals = { memory: 400, ready: 20, change: 150 };

let over = false;
const folder = mkdtempSync(join(tmpdir(), "linkerd-bench-control-"));
const random = seededRandom(7);

interface Program {
  readonly name: string;
  /** Of this process's clock, ms. */
  readonly started: number;
  /** s from the start. */
  readonly ready: number;
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

async function start(
  executable: string,
  name: string,
  flags: (port: number, admin: number) => string[],
): Promise<Program> {
  const [port, admin] = [freePort(), freePort()];
  const since = performance.now();
  const child = Bun.spawn(
    [
      executable,
      "controller",
      name,
      "--log-level=warn",
      `--kubeconfig=${join(folder, "config")}`,
      ...flags(port, admin),
    ],
    { stdin: "ignore", stdout: "inherit", stderr: "inherit" },
  );
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${admin}/ready`).catch(() => null);
    if (answer?.ok === true) break;
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`);
    await Bun.sleep(20);
  }
  return {
    name,
    started: since,
    ready: (performance.now() - since) / 1000,
    pid: child.pid,
    port,
    async stop() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

/** MB: pages of its own now, and resident at most so far. */
function memory({ pid }: Program): { readonly own: number; readonly resident: number; readonly peak: number } {
  const kilobytes = (file: string, key: string): number =>
    Number(new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${pid}/${file}`, "utf8"))?.[1] ?? 0) /
    1024;
  return {
    own: kilobytes("smaps_rollup", "Anonymous"),
    resident: kilobytes("status", "VmRSS"),
    peak: kilobytes("status", "VmHWM"),
  };
}

function clientOf({ port }: Program): RpcClient {
  return new RpcClient({
    connect: (handler) => connect({ ip: "127.0.0.1", port, timeout: 5000 }, handler),
    authority: "control:1",
    maxWaiting: 10_000,
  });
}

/** Streams of every so manieth Service, and who waits for the next message of which. */
class Watchers {
  private readonly waiting = new Map<number, () => void>();
  private heard = 0;
  private readonly firsts = new Set<number>();
  readonly watched: readonly number[];

  constructor(
    client: () => RpcClient,
    open: (client: RpcClient, index: number, onMessage: () => void, onEnd: (why: string) => void) => void,
  ) {
    this.watched = Array.from({ length: watchers }, (_, at) => Math.floor((at * services) / watchers));
    let current = client();
    for (const [at, index] of this.watched.entries()) {
      // As so many proxies, on fewer connections.
      if (at % 50 === 49) current = client();
      open(
        current,
        index,
        () => {
          this.heard++;
          this.firsts.add(index);
          this.waiting.get(index)?.();
        },
        (why) => {
          if (!over) throw new Error(`The stream of Service ${index} ended: ${why}`);
        },
      );
    }
  }

  async all(): Promise<void> {
    while (this.firsts.size < this.watched.length) await Bun.sleep(5);
  }

  /** ms from `change` to the message that it brings. */
  async timed(index: number, change: () => void): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.waiting.set(index, resolve);
    const since = performance.now();
    change();
    await promise;
    this.waiting.delete(index);
    return performance.now() - since;
  }
}

async function measure(watch: Watchers, change: (index: number) => void): Promise<{ p50: number; p99: number }> {
  await watch.all();
  const times: number[] = [];
  for (let at = 0; at < changes; at++) {
    const index = watch.watched[Math.floor(random.next() * watch.watched.length)] ?? 0;
    times.push(await watch.timed(index, () => change(index)));
    await Bun.sleep(5);
  }
  times.sort((a, b) => a - b);
  const part = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return { p50: part(0.5), p99: part(0.99) };
}

const mb = (value: number): string => `${value.toFixed(0)} MB`;
const api = new FakeApi();
const programs: Program[] = [];
const clients: RpcClient[] = [];
try {
  const cluster: LargeCluster = fillCluster(api, { services, routes });
  writeFileSync(
    join(folder, "config"),
    JSON.stringify({
      "current-context": "bench",
      clusters: [{ name: "bench", cluster: { server: api.url } }],
      users: [{ name: "bench", user: {} }],
      contexts: [{ name: "bench", context: { cluster: "bench", user: "bench" } }],
    }),
  );
  let { executable } = values;
  if (executable === undefined) {
    executable = join(folder, "linkerd");
    const build = [process.execPath, join(import.meta.dir, "../../scripts/executable.ts"), "--out", executable];
    if ((await Bun.spawn(build, { stdout: "ignore" }).exited) !== 0) throw new Error("Compiling the executable failed");
  }
  console.log(
    `${services} Services, ${cluster.endpoints} endpoints that are meshed pods, ${routes} HTTPRoutes, ${watchers} watchers, ${changes} changes of each kind`,
  );
  const destination = await start(executable, "destination", (port, admin) => [
    `--addr=127.0.0.1:${port}`,
    `--metrics-addr=127.0.0.1:${admin}`,
  ]);
  programs.push(destination);
  const policy = await start(executable, "policy", (port, admin) => [
    `--grpc-addr=127.0.0.1:${port}`,
    `--admin-addr=127.0.0.1:${admin}`,
    "--admission-controller-disabled",
    "--cluster-networks=10.0.0.0/8",
    "--default-policy=all-unauthenticated",
  ]);
  programs.push(policy);
  const client = (program: Program) => (): RpcClient => {
    const made = clientOf(program);
    clients.push(made);
    return made;
  };
  const ends = (onEnd: (why: string) => void) => (status: { readonly message: string }) => onEnd(status.message);
  const endpoints = await measure(
    new Watchers(client(destination), (made, index, onMessage, onEnd) => {
      const path = `${cluster.name(index)}.${cluster.namespace(index)}.svc.cluster.local:80`;
      made.serverStream(Destination.method.get, { path }, { onMessage, onEnd: ends(onEnd) });
    }),
    cluster.changeEndpoints,
  );
  const policies = await measure(
    new Watchers(client(policy), (made, index, onMessage, onEnd) => {
      const authority = `${cluster.name(index)}.${cluster.namespace(index)}.svc.cluster.local:80`;
      made.serverStream(
        OutboundPolicies.method.watch,
        { sourceWorkload: '{"ns":"ns-0","pod":"client"}', target: { case: "authority", value: authority } },
        { onMessage, onEnd: ends(onEnd) },
      );
    }),
    cluster.changeRoute,
  );
  // What the start left is given back 15 s after it.
  const settled = (program: Program): boolean => performance.now() - program.started > 20_000;
  while (!programs.every(settled)) await Bun.sleep(500);
  let total = 0;
  for (const [program, times] of [
    [destination, endpoints],
    [policy, policies],
  ] as const) {
    const { own, resident, peak } = memory(program);
    total += own;
    console.log(
      `${program.name}: ready after ${program.ready.toFixed(1)} s, own memory ${mb(own)} (resident ${mb(resident)}, at most ${mb(peak)}), a change p50 ${times.p50.toFixed(1)} ms, p99 ${times.p99.toFixed(1)} ms`,
    );
  }
  const ready = Math.max(destination.ready, policy.ready);
  const change = Math.max(endpoints.p50, policies.p50);
  const verdict = (met: boolean): string => (met ? "met" : "MISSED");
  console.log(
    `goals: memory of both ${mb(total)} of ${goals.memory} ${verdict(total <= goals.memory)}, ready ${ready.toFixed(1)} s of ${goals.ready} ${verdict(ready <= goals.ready)}, change ${change.toFixed(1)} ms of ${goals.change} ${verdict(change <= goals.change)}`,
  );
} finally {
  over = true;
  for (const program of programs) await program.stop();
  for (const client of clients) client.close();
  await api.stop();
  rmSync(folder, { recursive: true });
}
process.exit(0);
