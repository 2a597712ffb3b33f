/** What may not happen to others when a route ends responses or copies requests, through a whole proxy. */
import { afterEach, expect, test } from "bun:test";
import { memoryLog } from "#lib/log.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import { duration } from "#rpc/address.ts";
import { eventually } from "./bed.ts";
import { FakeControlPlane } from "./fake-control-plane.ts";
import { TestProxy } from "./harness.ts";

const closing: Array<() => void> = [];
afterEach(() => {
  for (const close of closing.splice(0).toReversed()) close();
});

const service = { ip: "10.96.0.41", port: 80 };
const place = (host: string) => ({
  kind: { case: "balancer", value: { discovery: { kind: { case: "dst", value: { path: `${host}:80` } } } } },
});

async function through(rule: object, backends: Readonly<Record<string, SocketAddr>>): Promise<TestProxy> {
  const control = new FakeControlPlane(memoryLog().log);
  control.start();
  closing.push(() => control.stop());
  control.setService(service, "web.ns.svc.cluster.local", []);
  for (const [host, addr] of Object.entries(backends)) control.setEndpoints(`${host}:80`, [addr]);
  const own = {
    kind: { case: "randomAvailable", value: { backends: [{ weight: 1, backend: { backend: place("a") } }] } },
  };
  control.setOutboundPolicy(service, {
    protocol: { kind: { case: "http1", value: { routes: [{ rules: [{ backends: own, ...rule }] }] } } },
  } as never);
  const proxy = new TestProxy({ control, outboundDst: service });
  closing.push(() => proxy.close());
  return proxy.ready();
}

/** A server that does this with what comes. */
function server(onData: (socket: Bun.Socket) => void): SocketAddr {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: (socket) => onData(socket) } });
  closing.push(() => listener.stop(true));
  return { ip: "127.0.0.1", port: listener.port };
}

test("a response of HTTP/1 whose time is over in its middle ends its connection, whatever its request calls itself", async () => {
  const half = server((socket) => void socket.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"));
  const proxy = await through({ timeouts: { response: duration(50) } }, { a: half });
  let got = "";
  const closed = new Promise<string>((resolve) => {
    const { hostname, port } = new URL(proxy.outboundUrl);
    void Bun.connect({
      hostname,
      port: Number(port),
      socket: {
        open: (socket) =>
          void socket.write(
            "POST / HTTP/1.1\r\nhost: web\r\ncontent-type: application/grpc-web\r\ncontent-length: 0\r\n\r\n",
          ),
        data: (_socket, chunk) => void (got += chunk.toString("latin1")),
        close: () => resolve("closed"),
      },
    });
  });
  expect(await Promise.race([closed, Bun.sleep(10_000).then(() => "kept")])).toBe("closed");
  expect(got).toEndWith("\r\n\r\nabc");
});

test("a backend that hangs gets no more than a hundred copies at a time", async () => {
  let copies = 0;
  const shadow = server(() => void copies++);
  const good = server((socket) => void socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
  const filters = [{ kind: { case: "requestMirror", value: { backend: place("s") } } }];
  const proxy = await through({ filters }, { a: good, s: shadow });
  for (let round = 0; round < 5; round++) {
    const answers = await Promise.all(Array.from({ length: 30 }, () => fetch(proxy.outboundUrl)));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
  }
  await eventually(() => copies >= 100);
  await Bun.sleep(50);
  expect(copies).toBe(100);
});
