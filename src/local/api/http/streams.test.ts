import { afterAll, beforeAll, expect, test } from "bun:test";
import type { ForwardSink, LogSink, NodeExecutor } from "../executor.ts";
import { resources } from "../resource-ref.ts";
import { podObject } from "../testing/fixture.ts";
import { createServer } from "../testing/server.ts";
import type { ServerFixture } from "../testing/server.ts";

let server: ServerFixture;
const happened: string[] = [];
let forwarded: ForwardSink | null = null;

const executor: NodeExecutor = {
  logs(_pod, options, sink: LogSink) {
    happened.push(`log ${options.container} tail=${options.tailLines} previous=${options.previous}`);
    sink.write(Buffer.from("line\n"));
    if (!options.follow) sink.end();
    return { onDrain() {}, cancel: () => happened.push("log cancelled") };
  },
  exec(_pod, options, sink) {
    return {
      stdin(chunk) {
        sink.stdout(Buffer.concat([Buffer.from(`${options.command[0]}:`), chunk]));
        sink.end({ kind: "exited", code: 0 });
      },
      closeStdin() {},
      resize: (columns, rows) => happened.push(`resize ${columns}x${rows}`),
      cancel: () => happened.push("exec cancelled"),
    };
  },
  forward(_pod, port, sink) {
    forwarded = sink;
    return {
      write: (chunk) => sink.data(Buffer.concat([Buffer.from(`${port}:`), chunk])),
      shutdown() {},
      pause() {},
      resume() {},
      cancel: () => happened.push("forward cancelled"),
    };
  },
};

beforeAll(async () => {
  server = await createServer();
  const { client } = server.api;
  await client.create(resources.pods, podObject("one"));
  await client.create(
    resources.pods,
    podObject("two", {
      containers: [
        { name: "a", image: "i" },
        { name: "b", image: "i" },
      ],
    }),
  );
  await client.bind("default", "one", "local");
  await client.bind("default", "two", "local");
});
afterAll(() => server.listener.close());

const base = "/api/v1/namespaces/default/pods";

/** Messages of a WebSocket until it closes, each as channel and text. `onMessage` may act on them. */
function converse(path: string, protocol: string, act: (socket: WebSocket, count: number) => void): Promise<string[]> {
  const options = { protocols: [protocol], headers: { authorization: "Bearer admin" }, tls: { ca: server.caPem } };
  const socket = new WebSocket(`wss://127.0.0.1:${server.listener.port}${path}`, options as unknown as string[]);
  socket.binaryType = "arraybuffer";
  const seen: string[] = [];
  return new Promise((resolve) => {
    socket.onopen = () => act(socket, 0);
    socket.onmessage = ({ data }) => {
      const bytes = Buffer.from(data as ArrayBuffer);
      seen.push(`${bytes[0]} ${bytes.subarray(1).toString("latin1")}`);
      act(socket, seen.length);
    };
    socket.onclose = () => resolve(seen);
  });
}

test("until a node serves pods, streams are answered 503", async () => {
  expect((await server.request(`${base}/one/log`)).status).toBe(503);
  server.api.setExecutor(executor);
});

test("a log is of the pod's only container or of the named one", async () => {
  expect(await (await server.request(`${base}/one/log?tailLines=3&previous=true`)).text()).toBe("line\n");
  expect(happened.at(-1)).toBe("log main tail=3 previous=true");
  const unclear = await server.request(`${base}/two/log`);
  expect(unclear.status).toBe(400);
  expect(await unclear.text()).toContain("a container name must be specified for pod two, choose one of: [a b]");
  expect((await server.request(`${base}/two/log?container=b`)).status).toBe(200);
});

test("exec over v4 channels: input, size, output and a Status at the end", async () => {
  const path = `${base}/one/exec?command=cat&stdin=true&stdout=true`;
  const seen = await converse(path, "v4.channel.k8s.io", (socket, count) => {
    if (count > 0) return;
    socket.send(Buffer.concat([Buffer.from([4]), Buffer.from('{"Width":80,"Height":24}')]));
    socket.send(Buffer.from("\0hi"));
  });
  expect(happened).toContain("resize 80x24");
  expect(seen).toEqual(["1 cat:hi", '3 {"metadata":{},"status":"Success"}']);
});

test("port-forward over v4 channels: ports first, then bytes, and the pod's end closes", async () => {
  const seen = await converse(`${base}/one/portforward?ports=8080`, "v4.channel.k8s.io", (socket, count) => {
    if (count === 2) socket.send(Buffer.from("\0ping"));
    if (count === 3) forwarded?.end(null);
  });
  expect(seen).toEqual(["0 \x90\x1f", "1 \x90\x1f", "0 8080:ping"]);
});

test("a caller that goes away cancels what runs for it", async () => {
  await converse(`${base}/one/portforward?ports=8080`, "v4.channel.k8s.io", (socket, count) => {
    if (count === 2) socket.close();
  });
  for (let tries = 0; tries < 100 && !happened.includes("forward cancelled"); tries++) await Bun.sleep(1);
  expect(happened).toContain("forward cancelled");
});

test("a request that can't become a stream says why", async () => {
  const plain = await server.request(`${base}/one/exec?command=ls`);
  expect(plain.status).toBe(400);
  expect(await plain.text()).toContain("Upgrade request required");
  expect((await server.request(`${base}/one/exec`, { headers: { upgrade: "websocket" } })).status).toBe(400);
  expect((await server.request(`${base}/none/log`)).status).toBe(404);
});
