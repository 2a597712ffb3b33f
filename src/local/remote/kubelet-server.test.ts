import { afterAll, beforeAll, expect, test } from "bun:test";
import { constants, createDeflate } from "node:zlib";
import { systemClock } from "#lib/clock.ts";
import { memoryLog } from "#lib/log.ts";
import { encodePem } from "#lib/x509/pem.ts";
import { createLeaf, createRoot, validFor } from "#lib/x509/sign.ts";
import type { NodeExecutor } from "../api/executor.ts";
import { FrameReader } from "../api/http/spdy/frames.ts";
import { headerDictionary } from "../api/http/spdy/headers.ts";
import { podObject } from "../api/testing/fixture.ts";
import type { KubeObject } from "../store/object.ts";
import { KubeletServer } from "./kubelet-server.ts";

const pod = podObject("one", { containers: [{ name: "main", image: "i" }] }) as unknown as KubeObject;

const executor: NodeExecutor = {
  logs(_pod, options, sink) {
    sink.write(Buffer.from(`${options.container} tail=${options.tailLines}\n`));
    sink.end();
    return { onDrain() {}, cancel() {} };
  },
  exec(_pod, options, sink) {
    return {
      stdin: (chunk) => sink.stdout(Buffer.concat([Buffer.from(`${options.command.join(" ")}:`), chunk])),
      closeStdin: () => sink.end({ kind: "exited", code: 3 }),
      resize() {},
      cancel() {},
    };
  },
  forward: () => {
    throw new Error("not used");
  },
};

const validity = validFor(Date.now(), 3_600_000, 60_000);
const root = createRoot("cluster", validity);
const caPem = encodePem("CERTIFICATE", root.certificate.der);
const leafOf = (names: string[]): { certPem: string; keyPem: string } => {
  const { certificate, key } = createLeaf(root, names, validity);
  return { certPem: encodePem("CERTIFICATE", certificate.der), keyPem: key.privateKeyPem };
};
const own = leafOf(["127.0.0.1"]);
const client = leafOf(["api-server"]);
const tls = { ca: caPem, cert: client.certPem, key: client.keyPem };

let server: KubeletServer;

beforeAll(() => {
  server = new KubeletServer({
    ip: "127.0.0.1",
    port: 0,
    ...own,
    clientCaPem: caPem,
    executor,
    findPod: (namespace, name) => (namespace === "default" && name === "one" ? pod : null),
    clock: systemClock,
    log: memoryLog().log,
  });
});
afterAll(() => server.close());

const ask = (path: string): Promise<Response> => fetch(`https://127.0.0.1:${server.port}${path}`, { tls });

test("Logs are served, request after request", async () => {
  for (let time = 0; time < 3; time++) {
    const response = await ask("/containerLogs/default/one/main?tailLines=5");
    expect(await response.text()).toBe("main tail=5\n");
  }
});

test("Pods and paths that are not here are a 404 with a Status", async () => {
  for (const path of ["/containerLogs/default/two/main", "/pods", "/"]) {
    const response = await ask(path);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ kind: "Status", reason: "NotFound" });
  }
});

test("Nobody without a certificate of the cluster is served", async () => {
  const other = createRoot("other", validity);
  const stranger = createLeaf(other, ["api-server"], validity);
  const foreign = {
    ca: caPem,
    cert: encodePem("CERTIFICATE", stranger.certificate.der),
    key: stranger.key.privateKeyPem,
  };
  for (const wrong of [{ ca: caPem }, foreign]) {
    const outcome = fetch(`https://127.0.0.1:${server.port}/containerLogs/default/one/main`, { tls: wrong });
    expect(await outcome.then(() => "served").catch(() => "refused")).toBe("refused");
  }
});

test("A command runs over a WebSocket", async () => {
  const url = `wss://127.0.0.1:${server.port}/exec/default/one/main?command=cat&input=1&output=1&error=1`;
  const socket = new WebSocket(url, { protocols: ["v4.channel.k8s.io"], tls } as unknown as string[]);
  socket.binaryType = "arraybuffer";
  const first = Promise.withResolvers<string>();
  socket.addEventListener("message", ({ data }) => first.resolve(Buffer.from(data as ArrayBuffer).toString()));
  await new Promise((resolve) => socket.addEventListener("open", resolve, { once: true }));
  socket.send(Uint8Array.of(0, ...Buffer.from("hi")));
  expect(await first.promise).toBe("\u0001cat:hi");
  socket.close();
});

/** Header blocks as a client compresses them, one stream for the connection. */
function headerWriter(): (headers: Record<string, string>) => Promise<Buffer> {
  const deflate = createDeflate({ dictionary: headerDictionary() });
  const chunks: Buffer[] = [];
  deflate.on("data", (chunk: Buffer) => chunks.push(chunk));
  return async (headers) => {
    const parts: Buffer[] = [];
    const word = (value: number): Buffer => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(value);
      return bytes;
    };
    parts.push(word(Object.keys(headers).length));
    for (const [name, value] of Object.entries(headers)) {
      parts.push(word(name.length), Buffer.from(name), word(value.length), Buffer.from(value));
    }
    deflate.write(Buffer.concat(parts));
    await new Promise<void>((resolve) => deflate.flush(constants.Z_SYNC_FLUSH, resolve));
    return Buffer.concat(chunks.splice(0));
  };
}

function synStream(id: number, block: Buffer): Buffer {
  const frame = Buffer.alloc(18 + block.length);
  frame.writeUInt32BE(0x80030001, 0);
  frame.writeUInt32BE(10 + block.length, 4);
  frame.writeUInt32BE(id, 8);
  block.copy(frame, 18);
  return frame;
}

function data(id: number, text: string, fin: boolean): Buffer {
  const frame = Buffer.alloc(8 + text.length);
  frame.writeUInt32BE(id, 0);
  frame.writeUInt32BE(((fin ? 1 : 0) << 24) | text.length, 4);
  frame.write(text, 8);
  return frame;
}

/** A TLS connection that is ready to be written to; what comes goes to `onData`. */
async function connection(
  onData: (chunk: Buffer) => void,
  onClose: () => void = () => {},
): Promise<(bytes: string | Buffer) => void> {
  const ready = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: server.port,
    tls: { ...tls, rejectUnauthorized: false },
    socket: { handshake: () => ready.resolve(), data: (_, chunk) => onData(chunk), close: onClose },
  });
  await ready.promise;
  return (bytes) => void socket.write(bytes);
}

test("A command runs over SPDY: output, then its exit code on the error stream", async () => {
  const reader = new FrameReader();
  const received = new Map<number, string>();
  const ended = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<string>();
  let head = "";
  const take = (chunk: Buffer): void => {
    let bytes = chunk;
    if (!head.includes("\r\n\r\n")) {
      head += chunk.toString("latin1");
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return;
      bytes = Buffer.from(head.slice(end + 4), "latin1");
      head = head.slice(0, end + 4);
      opened.resolve(head);
    }
    for (const frame of reader.push(bytes) ?? []) {
      if (frame.kind !== "data") continue;
      received.set(frame.stream, (received.get(frame.stream) ?? "") + Buffer.from(frame.data).toString());
    }
  };
  const write = await connection(take, () => ended.resolve());
  write(
    "POST /exec/default/one/main?command=cat&command=-&input=1&output=1&error=1 HTTP/1.1\r\nHost: n\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n",
  );
  expect(await opened.promise).toStartWith("HTTP/1.1 101");
  const headers = headerWriter();
  for (const [index, type] of ["error", "stdin", "stdout", "stderr"].entries()) {
    write(synStream(index * 2 + 1, await headers({ streamtype: type })));
  }
  write(data(3, "abc", false));
  write(data(3, "", true));
  await ended.promise;
  expect(received.get(5)).toBe("cat -:abc");
  expect(JSON.parse(received.get(1) ?? "{}")).toMatchObject({ reason: "NonZeroExitCode" });
});

test("A SPDY client that offers no known protocol is refused", async () => {
  const said = Promise.withResolvers<string>();
  const write = await connection((chunk) => said.resolve(chunk.toString()));
  write(
    "POST /exec/default/one/main?command=a HTTP/1.1\r\nHost: n\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: channel.k8s.io\r\n\r\n",
  );
  expect(await said.promise).toStartWith("HTTP/1.1 400");
});
