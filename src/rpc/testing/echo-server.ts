import { systemClock } from "#lib/clock.ts";
import { listen } from "#lib/net/listen.ts";
import type { Listener } from "#lib/net/socket.ts";
import { responseBlock, trailerBlock } from "#wire/http2/header-block.ts";
import { http2Limits } from "#wire/http2/limits.ts";
import { BufferPool } from "#wire/http2/out-buffer.ts";
import type { StreamHandler } from "#wire/http2/stream.ts";
import { Http2Socket } from "../http2-socket.ts";

/**
 * A plaintext HTTP/2 server that answers 200 and sends the request body back, for conformance suites and generic
 * clients: `sh scripts/bun src/rpc/testing/echo-server.ts 8080`, then `h2spec -p 8080` or `curl --http2-prior-knowledge`.
 * A GET is answered with a short text, and with trailers when it asks for `/trailers`.
 */
export function startEchoServer(port: number): Listener {
  const pool = new BufferPool();
  const limits = http2Limits();
  const answer = responseBlock(200, ["content-type", "text/plain"]);
  const text = Buffer.from("Hello over HTTP/2\n");
  const trailers = trailerBlock(["x-end", "yes"]);
  const echo: StreamHandler = {
    onHeaders() {},
    onData(stream, bytes, start, end, fin) {
      stream.consume(end - start);
      stream.sendData(bytes, start, end, fin);
    },
    onTrailers(stream, block) {
      stream.sendTrailers(trailerBlock(block.fields));
    },
    onSent() {},
    onReset() {},
  };
  return listen({ ip: "127.0.0.1", port }, (socket) => {
    void new Http2Socket(
      socket,
      { role: "server", clock: systemClock, pool, limits, keepalive: null },
      {
        onRequest(stream, block, fin) {
          stream.sendHeaders(answer, false);
          if (!fin) return echo;
          if (block.path === "/trailers") {
            stream.sendData(text, 0, text.length, false);
            stream.sendTrailers(trailers);
          } else stream.sendData(text, 0, text.length, true);
          return echo;
        },
        onRoom() {},
        onGoaway() {},
        onClosed() {},
      },
    );
  });
}

if (import.meta.main) {
  const listener = startEchoServer(Number(process.argv[2] ?? 8080));
  process.stdout.write(`Listening on 127.0.0.1:${listener.addr.port}\n`);
}
