/** HTTP/2 and gRPC through proxies, between the runtime's own client and server. */
import { describe, expect, test } from "bun:test";
import { constants, type ClientHttp2Session, type ServerHttp2Stream } from "node:http2";
import { systemClock } from "#lib/clock.ts";
import { connect as dial } from "#lib/net/connect.ts";
import { listen } from "#lib/net/listen.ts";
import type { Socket, SocketAddr } from "#lib/net/socket.ts";
import { Http2Socket } from "#rpc/http2-socket.ts";
import { requestBlock, responseBlock } from "#wire/http2/header-block.ts";
import { http2Limits } from "#wire/http2/limits.ts";
import { BufferPool } from "#wire/http2/out-buffer.ts";
import type { Http2Stream, StreamHandler } from "#wire/http2/stream.ts";
import { eventually, type Headers, makeBed } from "./bed.ts";
import type { TestProxy } from "./harness.ts";

const name = "web.ns.svc.cluster.local";
const service = { ip: "10.96.0.9", port: 80 };
const serverId = "web.ns.serviceaccount.identity.linkerd.cluster.local";
const clientId = "client.ns.serviceaccount.identity.linkerd.cluster.local";
const bed = makeBed();

interface Answer {
  readonly headers: Headers;
  readonly body: string;
  readonly trailers: Headers;
  readonly reset: number;
}

function ask(session: ClientHttp2Session, headers: Headers, body: Buffer | string = ""): Promise<Answer> {
  return new Promise((resolve) => {
    const stream = session.request({ ":method": "POST", ":path": "/", ...headers });
    let got: Headers = {};
    let trailers: Headers = {};
    const chunks: Buffer[] = [];
    stream.on("response", (received) => {
      got = received as Headers;
    });
    stream.on("trailers", (received) => {
      trailers = received as Headers;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", () => {});
    stream.on("close", () =>
      resolve({ headers: got, body: Buffer.concat(chunks).toString("latin1"), trailers, reset: stream.rstCode ?? 0 }),
    );
    stream.end(body);
  });
}

/** Answers as a gRPC server does. */
function grpc(status: string) {
  return (stream: ServerHttp2Stream): void => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": status }));
    stream.end("reply");
  };
}

function echo(stream: ServerHttp2Stream, headers: Headers): void {
  stream.respond({ ":status": 200, "x-seen": JSON.stringify(headers) });
  stream.pipe(stream);
}

const seen = (answer: Answer): Headers => JSON.parse(String(answer.headers["x-seen"])) as Headers;

async function pair(target: SocketAddr, env: Record<string, string> = {}) {
  const server = await bed.proxy({ identity: serverId, env });
  const endpoint = { ...target, identity: serverId, transportPort: server.proxy.inbound.port };
  bed.control.setService(service, name, [endpoint]);
  const from = await bed.proxy({ identity: clientId, outboundDst: service });
  return { server, from };
}

describe("a plaintext hop", () => {
  test("carries requests with trailers, and counts them by their gRPC status", async () => {
    bed.control.setService(service, name, [{ ...(await bed.http2App(grpc("0"))), labels: { deployment: "web" } }]);
    const from = await bed.proxy({ outboundDst: service });
    const session = bed.http2Client(from);
    const answer = await ask(session, { "content-type": "application/grpc", te: "trailers" }, "request");
    expect(answer).toMatchObject({ body: "reply", trailers: { "grpc-status": "0" }, reset: 0 });
    const labels = ['direction="outbound"', 'dst_deployment="web"', 'classification="success"', 'grpc_status="0"'];
    expect(from.series("response_total", ...labels)[0]).toEndWith(" 1");
  });

  test("calls gRPC's own failures failures", async () => {
    bed.control.setService(service, name, [await bed.http2App(grpc("13"))]);
    const from = await bed.proxy({ outboundDst: service });
    await ask(bed.http2Client(from), {});
    expect(from.series("response_total", 'classification="failure"', 'grpc_status="13"')[0]).toEndWith(" 1");
  });

  test("balances each request of one connection", async () => {
    const counts = [0, 0];
    const counting = (index: number) => (stream: ServerHttp2Stream) => {
      counts[index] = (counts[index] ?? 0) + 1;
      stream.respond({ ":status": 204 }, { endStream: true });
    };
    bed.control.setService(service, name, [await bed.http2App(counting(0)), await bed.http2App(counting(1))]);
    const session = bed.http2Client(await bed.proxy({ outboundDst: service }));
    for (let count = 0; count < 60; count++) expect((await ask(session, {})).headers[":status"]).toBe(204);
    expect(counts[0]).toBeGreaterThan(0);
    expect(counts[1]).toBeGreaterThan(0);
  });

  test("answers when no endpoint is there, in gRPC's way for gRPC", async () => {
    bed.control.setService(service, name, []);
    const session = bed.http2Client(
      await bed.proxy({ outboundDst: service, env: { OUTBOUND_HTTP_FAILFAST_TIMEOUT: "50ms" } }),
    );
    const plain = await ask(session, {});
    expect(plain.headers).toMatchObject({ ":status": 504, "l5d-proxy-error": "No endpoint is ready" });
    const rpc = await ask(session, { "content-type": "application/grpc" });
    expect(rpc.headers).toMatchObject({ ":status": 200, "grpc-status": "4", "content-type": "application/grpc" });
  });

  test("uses another endpoint when one refuses connections", async () => {
    bed.control.setService(service, name, [{ ip: "127.0.0.1", port: 1 }, await bed.http2App(echo)]);
    const session = bed.http2Client(await bed.proxy({ outboundDst: service }));
    for (let count = 0; count < 20; count++) expect((await ask(session, {}, "x")).body).toBe("x");
  });
});

describe("a pair of proxies", () => {
  test("talks by mutual TLS; the application learns who asks, and hears nothing of the mesh that a client claims", async () => {
    const { server, from } = await pair(await bed.http2App(echo));
    const forged = { "l5d-client-id": "forged", "l5d-anything": "x", "x-own": "kept" };
    const answer = await ask(bed.http2Client(from), { ":path": "/a?b=1", ...forged }, "hello");
    expect(answer.body).toBe("hello");
    expect(seen(answer)).toMatchObject({
      ":path": "/a?b=1",
      ":method": "POST",
      "l5d-client-id": clientId,
      "x-own": "kept",
    });
    expect(seen(answer)["l5d-anything"]).toBeUndefined();
    expect(from.series("request_total", 'tls="true"', `server_id="${serverId}"`)[0]).toEndWith(" 1");
    expect(server.series("request_total", 'tls="true"', `client_id="${clientId}"`)[0]).toEndWith(" 1");
    const connections = server.series("inbound_tcp_transport_header_connections_total", 'session_protocol="http/2"');
    expect(connections[0]).toEndWith(" 1");
  });

  test("carries many requests at a time over one connection", async () => {
    const { server, from } = await pair(await bed.http2App(echo));
    const session = bed.http2Client(from);
    const answers = await Promise.all(Array.from({ length: 80 }, (_, index) => ask(session, {}, `body ${index}`)));
    expect(answers.map(({ body }) => body)).toEqual(Array.from({ length: 80 }, (_, index) => `body ${index}`));
    expect(server.series("tcp_open_total", 'peer="src"', 'tls="true"')[0]).toEndWith(" 1");
  });

  test("carries megabytes both ways through small windows, byte for byte", async () => {
    const { from } = await pair(await bed.http2App(echo));
    const body = Buffer.alloc(3_000_000);
    for (let at = 0; at < body.length; at++) body[at] = (at * 31 + (at >> 8)) & 0xff;
    const answers = await Promise.all([1, 2].map(() => ask(bed.http2Client(from), {}, body)));
    for (const answer of answers) expect(Buffer.from(answer.body, "latin1").equals(body)).toBe(true);
  });

  test("answers 403 when the server's policy does not permit the client", async () => {
    const { server, from } = await pair(await bed.http2App(echo), { INBOUND_DEFAULT_POLICY: "deny" });
    expect((await ask(bed.http2Client(from), {})).headers[":status"]).toBe(403);
    expect(server.series("inbound_http_authz_deny_total", `client_id="${clientId}"`).length).toBe(1);
  });

  test("passes a stream both ways while it is open, and tells the server when the client gives up", async () => {
    const gone = Promise.withResolvers<number>();
    const { from } = await pair(
      await bed.http2App((stream) => {
        stream.respond({ ":status": 200 });
        stream.on("data", (chunk: Buffer) => stream.write(`got ${chunk.toString()}`));
        stream.on("close", () => gone.resolve(stream.rstCode ?? -1));
      }),
    );
    const stream = bed.http2Client(from).request({ ":method": "POST", ":path": "/" });
    stream.on("error", () => {});
    const heard = (text: string): Promise<void> =>
      new Promise((resolve) => {
        let all = "";
        const listen = (chunk: Buffer): void => {
          all += chunk.toString();
          if (!all.includes(text)) return;
          stream.off("data", listen);
          resolve();
        };
        stream.on("data", listen);
      });
    for (const word of ["one", "two"]) {
      const answer = heard(`got ${word}`);
      stream.write(word);
      await answer;
    }
    stream.close(constants.NGHTTP2_CANCEL);
    expect(await gone.promise).toBe(constants.NGHTTP2_CANCEL);
  });

  test("passes on what a server says by resetting a request, before its answer and in the middle of it", async () => {
    const resetting = listen({ ip: "127.0.0.1", port: 0 }, (socket) => {
      const options = { clock: systemClock, pool: new BufferPool(), limits: http2Limits(), keepalive: null };
      const ignored = { onHeaders() {}, onData() {}, onTrailers() {}, onSent() {}, onReset() {} };
      const session = new Http2Socket(
        socket,
        { ...options, role: "server" },
        {
          onRequest(stream, { path }) {
            if (path !== "/") stream.sendHeaders(responseBlock(200, []), false);
            stream.reset(constants.NGHTTP2_ENHANCE_YOUR_CALM);
            return ignored;
          },
          onRoom() {},
          onGoaway() {},
          onClosed() {},
        },
      );
      bed.after(() => session.socket.terminate());
    });
    bed.after(() => resetting.close());
    const { from } = await pair(resetting.addr);
    const session = bed.http2Client(from);
    for (const path of ["/", "/begun", "/"]) {
      expect((await ask(session, { ":path": path })).reset).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    }
    expect(from.series("response_total", 'classification="failure"', 'error="unknown"').length).toBe(2);
  });

  test("lets requests under way end when it drains", async () => {
    const finish: Array<() => void> = [];
    const { server, from } = await pair(
      await bed.http2App((stream) => {
        stream.respond({ ":status": 200 });
        finish.push(() => stream.end("late"));
      }),
    );
    const answer = ask(bed.http2Client(from), {});
    await eventually(() => finish.length > 0);
    const drained = server.proxy.drain();
    await Bun.sleep(20);
    for (const end of finish) end();
    expect((await answer).body).toBe("late");
    expect(await drained).toBe(true);
  });
});

/** A request whose client takes no more than one window of the answer. */
function stall(through: TestProxy, path: string, held: Http2Stream[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = { clock: systemClock, pool: new BufferPool(), limits: http2Limits(), keepalive: null };
    const ignored = { onRequest: () => stream, onRoom() {}, onGoaway() {}, onClosed() {} };
    let got = 0;
    const stream: StreamHandler = {
      onHeaders() {},
      onData(_stream, _bytes, start, end) {
        got += end - start;
        if (got === 65_535) resolve();
      },
      onTrailers() {},
      onSent() {},
      onReset() {},
    };
    const onOpen = (socket: Socket): void => {
      bed.after(() => socket.terminate());
      const { connection } = new Http2Socket(socket, { ...options, role: "client" }, ignored);
      const made = connection.request(
        requestBlock({ method: "GET", scheme: "http", authority: "web", path }, []),
        true,
        stream,
      );
      if (made !== null) held.push(made);
    };
    const port = through.proxy.outbound[0]?.port ?? 0;
    dial({ ip: "127.0.0.1", port, timeout: 1000 }, { onOpen, onFail: reject });
  });
}

describe("clients that stop reading", () => {
  test("neither stop others of the same server nor make the proxies keep more than windows", async () => {
    // More than a stream's window each, and together more than a connection's.
    const big = Buffer.alloc(150_000, "x");
    const { from, server } = await pair(
      await bed.http2App((stream, headers) => {
        stream.respond({ ":status": 200 });
        stream.end(headers[":path"] === "/big" ? big : "small");
      }),
    );
    const held: Http2Stream[] = [];
    for (let count = 0; count < 40; count++) await stall(from, "/big", held);
    const lively = bed.http2Client(from);
    for (let count = 0; count < 50; count++) expect((await ask(lively, { ":path": "/" })).body).toBe("small");
    expect(server.series("tcp_open_total", 'peer="src"', 'tls="true"')[0]).toEndWith(" 1");
    for (const stream of held) stream.reset(constants.NGHTTP2_CANCEL);
  });
});
