/** Runs a program of the control plane against an API server in memory, and asks it as a proxy would. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DescMessage, DescMethodServerStreaming, MessageInitShape, MessageShape } from "#rpc/protobuf/types.ts";
import { systemClock } from "#lib/clock.ts";
import { Drain } from "#lib/drain.ts";
import { memoryLog } from "#lib/log.ts";
import { connect } from "#lib/net/connect.ts";
import type { Socket } from "#lib/net/socket.ts";
import { Registry } from "#lib/metrics/registry.ts";
import { until, Watchable } from "#lib/watchable.ts";
import { FakeApi } from "#kube/testing/fake-api.ts";
import { formatSocketAddr } from "#lib/net-addr.ts";
import { socketAddr } from "#rpc/address.ts";
import { RpcClient } from "#rpc/client.ts";
import type { Update, WeightedAddr } from "#rpc/gen/destination_pb.ts";
import type { RunningProgram, StartProgram } from "../context.ts";

export interface ProgramUnderTest {
  readonly api: FakeApi;
  readonly port: number;
  readonly adminPort: number;
  readonly lines: string[];
  readonly drain: Drain;
  /** A client of its own connection. `onSocket` gets the connection when it opens. */
  client(onSocket?: (socket: Socket) => void): RpcClient;
  metrics(): Promise<string>;
  stop(): Promise<void>;
}

export async function startProgram(
  start: StartProgram,
  args: readonly string[],
  fill: (api: FakeApi) => void,
): Promise<ProgramUnderTest> {
  const api = new FakeApi();
  fill(api);
  const directory = mkdtempSync(join(tmpdir(), "control-"));
  const kubeconfig = join(directory, "config");
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      "current-context": "test",
      clusters: [{ name: "test", cluster: { server: api.url } }],
      users: [{ name: "test", user: {} }],
      contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
    }),
  );
  const { log, lines } = memoryLog("debug");
  const drain = new Drain();
  const running = (await start({
    args: ["--kubeconfig", kubeconfig, ...args],
    env: {},
    clock: systemClock,
    random: { next: () => 0 },
    log,
    registry: new Registry(),
    drain,
  })) as RunningProgram & { readonly port: number; readonly adminPort: number };
  const clients: RpcClient[] = [];
  const { port, adminPort } = running;
  return {
    api,
    port,
    adminPort,
    lines,
    drain,
    client(onSocket) {
      const client = new RpcClient({
        connect: (handler) =>
          connect(
            { ip: "127.0.0.1", port, timeout: 1000 },
            {
              onOpen(socket) {
                handler.onOpen(socket);
                onSocket?.(socket);
              },
              onFail: (error) => handler.onFail(error),
            },
          ),
        authority: "control:1",
      });
      clients.push(client);
      return client;
    },
    metrics: async () => await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text(),
    async stop() {
      for (const client of clients) client.close();
      await running.stop();
      await api.stop();
      rmSync(directory, { recursive: true });
    },
  };
}

/** What a stream brought so far; `ended` holds the status once there is one. */
export interface Received<T> {
  readonly messages: T[];
  ended: { readonly code: number; readonly message: string } | null;
  /** Resolves when `accept` is true, now or after a later message or the end. */
  when(accept: () => boolean): Promise<void>;
  cancel(): void;
}

export function receive<I extends DescMessage, O extends DescMessage>(
  client: RpcClient,
  method: DescMethodServerStreaming<I, O>,
  request: MessageInitShape<I>,
): Received<MessageShape<O>> {
  const count = new Watchable(0);
  const messages: Array<MessageShape<O>> = [];
  const handle = client.serverStream(method, request, {
    onMessage(message) {
      messages.push(message);
      count.set(messages.length);
    },
    onEnd(status) {
      received.ended = status;
      count.set(messages.length);
    },
  });
  const received: Received<MessageShape<O>> = {
    messages,
    ended: null,
    when: async (accept) => {
      await until(count, accept);
    },
    cancel: () => handle.cancel(),
  };
  return received;
}

/** What endpoint updates add up to: by "ip:port". */
export function addUp(updates: readonly Update[]): Map<string, WeightedAddr> {
  const out = new Map<string, WeightedAddr>();
  const key = (addr: WeightedAddr["addr"]): string => {
    const read = socketAddr(addr);
    return read === null ? "" : formatSocketAddr(read);
  };
  for (const { update } of updates) {
    if (update.case === "add") for (const addr of update.value.addrs) out.set(key(addr.addr), addr);
    if (update.case === "remove") for (const addr of update.value.addrs) out.delete(key(addr));
    if (update.case === "noEndpoints") out.clear();
  }
  return out;
}
