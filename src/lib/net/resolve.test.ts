import { createSocket } from "node:dgram";
import { Resolver as SystemResolver } from "node:dns/promises";
import { expect, test } from "bun:test";
import { decode, encode, type Answer } from "dns-packet";
import { FakeClock } from "../testing/fake-clock.ts";
import { Resolver } from "./resolve.ts";
import type { DnsClient, ResolverOptions } from "./resolve.ts";
import { settle } from "./testing/memory-socket.ts";

/** A name server on loopback that knows these records; a name without any is not found. */
async function withServer<T>(
  records: Record<string, Answer[]>,
  options: ResolverOptions,
  run: (resolver: Resolver, asked: string[]) => Promise<T>,
): Promise<T> {
  const asked: string[] = [];
  const server = createSocket("udp4");
  server.on("message", (message, from) => {
    const query = decode(message);
    const question = query.questions?.[0];
    if (question === undefined) return;
    asked.push(`${question.name} ${question.type}`);
    const answers = (records[question.name] ?? []).filter((answer) => answer.type === question.type);
    const flags = 0x0480 | (records[question.name] === undefined ? 3 : 0);
    const id = query.id ?? 0;
    server.send(encode({ type: "response", id, flags, questions: [question], answers }), from.port, from.address);
  });
  await new Promise<void>((resolve) => server.bind(0, "127.0.0.1", resolve));
  const client = new SystemResolver();
  client.setServers([`127.0.0.1:${server.address().port}`]);
  try {
    return await run(new Resolver({ client, ...options }), asked);
  } finally {
    server.close();
  }
}

test("gives every A and AAAA record with the shortest time, within the limits", async () => {
  const records: Record<string, Answer[]> = {
    "web.test": [
      { type: "A", name: "web.test", ttl: 60, data: "10.0.0.1" },
      { type: "A", name: "web.test", ttl: 7, data: "10.0.0.2" },
      { type: "AAAA", name: "web.test", ttl: 90, data: "fd00::1" },
    ],
  };
  await withServer(records, {}, async (resolver, asked) => {
    const found = await resolver.resolve("web.test.", 80);
    expect(found.ttl).toBe(7000);
    expect(found.addrs.map((addr) => `${addr.ip} ${addr.port}`).toSorted()).toEqual([
      "10.0.0.1 80",
      "10.0.0.2 80",
      "fd00::1 80",
    ]);
    expect(asked.toSorted()).toEqual(["web.test A", "web.test AAAA", "web.test SRV"]);
  });
  await withServer(records, { minTtl: 30_000 }, async (resolver) => {
    expect((await resolver.resolve("web.test", 80)).ttl).toBe(30_000);
  });
  await withServer(records, { maxTtl: 5000 }, async (resolver) => {
    expect((await resolver.resolve("web.test", 80)).ttl).toBe(5000);
  });
});

test("follows SRV records, reading addresses out of pod names and looking others up", async () => {
  const name = "dst.test";
  const service = (target: string): Answer => ({
    type: "SRV",
    name,
    ttl: 11,
    data: { port: 8086, target, priority: 0, weight: 1 },
  });
  const records: Record<string, Answer[]> = {
    [name]: [service("10-1-2-3.dst.test"), service("pod-0.dst.test")],
    "pod-0.dst.test": [{ type: "A", name: "pod-0.dst.test", ttl: 9, data: "10.1.2.4" }],
  };
  await withServer(records, {}, async (resolver) => {
    const { addrs } = await resolver.resolve(name, 1);
    expect(addrs.map((addr) => `${addr.ip} ${addr.port}`).toSorted()).toEqual(["10.1.2.3 8086", "10.1.2.4 8086"]);
  });
});

test("a name that does not exist is told apart from a server that fails", async () => {
  await withServer({}, {}, async (resolver) => {
    await expect(resolver.resolve("nowhere.test", 80)).rejects.toMatchObject({
      code: "dns",
      message: 'Resolving "nowhere.test": no such name',
    });
  });
  const failing = (): Promise<never> => Promise.reject(Object.assign(new Error("refused"), { code: "EREFUSED" }));
  const client: DnsClient = { resolve4: failing, resolve6: failing, resolveSrv: failing };
  await expect(new Resolver({ client }).resolve("web.test", 80)).rejects.toMatchObject({
    code: "dns",
    message: 'Resolving "web.test" failed',
  });
});

test("addresses and localhost need no server", async () => {
  const never = (): Promise<never> => new Promise(() => {});
  const resolver = new Resolver({ client: { resolve4: never, resolve6: never, resolveSrv: never } });
  expect((await resolver.resolve("10.0.0.1", 80)).addrs).toEqual([{ ip: "10.0.0.1", port: 80 }]);
  expect((await resolver.resolve("fd00::1", 80)).addrs).toEqual([{ ip: "fd00::1", port: 80 }]);
  expect((await resolver.resolve("localhost.", 80)).addrs).toEqual([{ ip: "127.0.0.1", port: 80 }]);
});

test("gives a silent server up at the deadline", async () => {
  const clock = new FakeClock();
  const never = (): Promise<never> => new Promise(() => {});
  const resolver = new Resolver({ client: { resolve4: never, resolve6: never, resolveSrv: never }, clock });
  let error: unknown = null;
  resolver.resolve("web.test", 80).catch((thrown: unknown) => {
    error = thrown;
  });
  await settle();
  clock.advance(4999);
  await settle();
  expect(error).toBeNull();
  clock.advance(1);
  await settle();
  expect(error).toMatchObject({ code: "timeout", message: 'Resolving "web.test": no answer within 5000 ms' });
  expect(clock.timers).toBe(0);
});
