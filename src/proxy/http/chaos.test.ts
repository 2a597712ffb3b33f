import { expect, test } from "bun:test";
import { seededRandom } from "#lib/random.ts";
import { Hop } from "./testing/hop.ts";

/** What one connection goes through: requests and answers in random pieces, pauses, and an end of any kind. */
function live(seed: number): Hop {
  const random = seededRandom(seed);
  const pick = (limit: number): number => Math.floor(random.next() * limit);
  const requests = [
    "GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
    `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\n${"b".repeat(3000)}`,
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "garbage\n",
  ];
  const responses = [
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    `HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n${"r".repeat(5000)}`,
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
  ];
  const hop = new Hop({ room: 500 + pick(4000) });
  hop.held = pick(4) === 0;
  if (pick(8) === 0) hop.refuse = 1;
  let toServer = "";
  const toClient = new Map<number, string>();
  for (let step = 0; step < 60; step++) {
    const end = hop.servers.length === 0 ? undefined : hop.servers[pick(hop.servers.length)];
    switch (pick(12)) {
      case 0:
      case 1:
        toServer += requests[pick(requests.length)] ?? "";
        break;
      case 2:
      case 3:
        if (end !== undefined) {
          const index = hop.servers.indexOf(end);
          toClient.set(index, (toClient.get(index) ?? "") + (responses[pick(responses.length)] ?? ""));
        }
        break;
      case 4:
        hop.client.socket.pause();
        break;
      case 5:
        end?.socket.pause();
        break;
      case 6:
        hop.client.socket.resume();
        end?.socket.resume();
        break;
      case 7:
        if (pick(6) === 0) hop.client.socket.shutdown();
        else if (pick(20) === 0) hop.client.socket.terminate();
        break;
      case 8:
        if (pick(6) === 0) end?.socket.shutdown();
        else if (pick(12) === 0) end?.socket.terminate();
        break;
      case 9:
        if (hop.held) hop.open();
        break;
      default:
        hop.clock.advance(pick(400));
    }
    const piece = Buffer.from(toServer.slice(0, 1 + pick(2000)), "latin1");
    toServer = toServer.slice(Math.max(0, hop.client.socket.write(piece, 0, piece.length)));
    for (const [index, text] of toClient) {
      const part = Buffer.from(text.slice(0, 1 + pick(2000)), "latin1");
      toClient.set(index, text.slice(Math.max(0, hop.servers[index]?.socket.write(part, 0, part.length) ?? 0)));
    }
    hop.run();
  }
  return hop;
}

test("whatever clients and servers do, everything ends and nothing is left behind", () => {
  for (let seed = 1; seed <= 1500; seed++) {
    const hop = live(seed);
    if (hop.held) hop.open();
    // Everybody reads again and leaves; then idle connections run out.
    hop.client.socket.resume();
    for (const end of hop.servers) end.socket.resume();
    hop.run();
    hop.client.socket.close();
    hop.client.socket.terminate();
    hop.run();
    // Requests that were sent before the client's end are still served, each by a connection that may be new.
    for (let index = 0; index < hop.servers.length && index < 500; index++) {
      hop.server(index).socket.terminate();
      hop.run();
    }
    hop.clock.advance(10_000);
    hop.run();
    const left = {
      seed,
      closed: hop.closed,
      pool: hop.pool.empty,
      timers: hop.clock.timers,
      open: hop.serverCells.open,
    };
    expect(left).toEqual({ seed, closed: true, pool: true, timers: 0, open: 0 });
  }
});
