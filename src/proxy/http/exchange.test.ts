import { describe, expect, test } from "bun:test";
import { Hop } from "./testing/hop.ts";

const get = "GET /a HTTP/1.1\r\nHost: web\r\n\r\n";
const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

describe("a request and its response", () => {
  test("pass in one write each, unchanged but for hop-by-hop fields", () => {
    const hop = new Hop();
    hop.request("GET / HTTP/1.1\r\nHost: web\r\n\r\n");
    hop.respond(ok);
    expect(
      hop.request(
        "POST /a?b HTTP/1.1\r\nHost: web\r\nX-A: 1\r\nConnection: x-drop, keep-alive\r\nX-Drop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nContent-Length: 5\r\n\r\nhello",
      ),
    ).toBe("POST /a?b HTTP/1.1\r\nHost: web\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello");
    expect(
      hop.respond(
        "HTTP/1.1 201 Made\r\nContent-Length: 2\r\nConnection: keep-alive\r\nL5d-Proxy-Error: forged\r\n\r\nok",
      ),
    ).toBe("HTTP/1.1 201 Made\r\nContent-Length: 2\r\n\r\nok");
    expect(hop.ends).toEqual([
      [200, "complete"],
      [201, "complete"],
    ]);
    expect(hop.client.socket.peer.writes).toBe(2);
    expect(hop.server(0).socket.peer.writes).toBe(2);
  });

  test("repeat on the same two connections, with the same bytes when heads are remembered", () => {
    const hop = new Hop({ extra: ["l5d-client-id", "web.ns"] });
    for (let round = 0; round < 5; round++) {
      expect(hop.request("GET /a HTTP/1.1\r\nHost: web\r\nL5d-Client-Id: forged\r\n\r\n")).toBe(
        "GET /a HTTP/1.1\r\nHost: web\r\nl5d-client-id: web.ns\r\n\r\n",
      );
      expect(hop.respond(ok)).toBe(ok);
    }
    expect(hop.servers).toHaveLength(1);
    expect(hop.clientCells.readBytes).toBe(5 * "GET /a HTTP/1.1\r\nHost: web\r\nL5d-Client-Id: forged\r\n\r\n".length);
    expect(hop.clientCells.writtenBytes).toBe(5 * ok.length);
  });

  test("work when every byte comes by itself", () => {
    const hop = new Hop();
    let got = "";
    for (const byte of "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n") {
      hop.client.send(byte);
      hop.run();
      got += hop.servers[0]?.take() ?? "";
    }
    expect(got).toBe(
      "POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\nx-t: 1\r\n\r\n",
    );
    let back = "";
    for (const byte of "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
      back += hop.respond(byte);
    expect(back).toBe("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n");
    expect(hop.request(get)).toBe("GET /a HTTP/1.1\r\nHost: web\r\n\r\n");
  });

  test("an absolute target's authority replaces Host", () => {
    expect(new Hop().request("GET http://Real:80/x HTTP/1.1\r\nHost: forged\r\n\r\n")).toBe(
      "GET http://Real:80/x HTTP/1.1\r\nHost: real:80\r\n\r\n",
    );
  });

  test("HEAD, 204 and 304 have no body, and the connection lives on", () => {
    const hop = new Hop();
    hop.request("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(hop.respond("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n")).toBe(
      "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n",
    );
    hop.request(get);
    expect(hop.respond("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")).toBe("HTTP/1.1 204 No Content\r\n\r\n");
    hop.request(get);
    expect(hop.respond("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n")).toBe(
      "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
    );
    expect(hop.servers).toHaveLength(1);
  });

  test("a body up to the end of the connection becomes chunked for HTTP/1.1", () => {
    const hop = new Hop();
    hop.request(get);
    expect(hop.respond("HTTP/1.1 200 OK\r\n\r\nabc")).toBe(
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
    );
    hop.server(0).socket.shutdown();
    hop.run();
    expect(hop.client.take()).toBe("0\r\n\r\n");
    expect(hop.client.closed).toBe(null);
    expect(hop.request(get, 1)).not.toBe("");
  });

  test("and stays what it is for HTTP/1.0, which never sees chunks", () => {
    const hop = new Hop();
    expect(hop.request("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")).toBe("GET / HTTP/1.0\r\n\r\n");
    expect(hop.respond("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")).toBe(
      "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabc",
    );
    hop.client.socket.close();
    hop.run();
    expect(hop.closed).toBe(true);
  });

  test("HTTP/1.0 may keep its connection", () => {
    const hop = new Hop();
    for (let round = 0; round < 2; round++) {
      hop.request("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 0);
      expect(hop.respond(ok)).toBe("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nconnection: keep-alive\r\n\r\nok");
    }
  });

  test("informational responses pass, the final one follows", () => {
    const hop = new Hop();
    expect(hop.request("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")).toContain(
      "Expect: 100-continue",
    );
    expect(hop.respond("HTTP/1.1 100 Continue\r\n\r\n")).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    expect(hop.request("abc")).toBe("abc");
    expect(hop.respond(`HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${ok}`)).toBe(
      `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${ok}`,
    );
    expect(hop.ends).toEqual([[200, "complete"]]);
  });

  test("a final response before the body ends the connection after it", () => {
    const hop = new Hop();
    hop.request("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    expect(hop.respond("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")).toBe(
      "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nconnection: close\r\n\r\n",
    );
    expect(hop.client.ended).toBe(true);
    expect(hop.server(0).ended).toBe(true);
    expect(hop.closed).toBe(true);
  });
});

describe("pipelined requests", () => {
  test("are answered in order, one at a time", () => {
    const hop = new Hop();
    hop.client.send(
      `${get}POST /b HTTP/1.1\r\nHost: web\r\nContent-Length: 3\r\n\r\nabcGET /c HTTP/1.1\r\nHost: web\r\n\r\n`,
    );
    hop.run();
    expect(hop.server(0).take()).toBe(get);
    expect(hop.respond(ok)).toBe(ok);
    expect(hop.server(0).take()).toBe("POST /b HTTP/1.1\r\nHost: web\r\nContent-Length: 3\r\n\r\nabc");
    expect(hop.respond(ok)).toBe(ok);
    expect(hop.server(0).take()).toBe("GET /c HTTP/1.1\r\nHost: web\r\n\r\n");
    expect(hop.respond(ok)).toBe(ok);
    expect(hop.servers).toHaveLength(1);
    expect(hop.ends).toHaveLength(3);
  });

  test("that the proxy answers are answered in one write", () => {
    const hop = new Hop({ answer: () => ({ status: 403, headers: [], close: false }) });
    hop.client.send(get.repeat(50));
    hop.run();
    expect(hop.client.take()).toBe("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n".repeat(50));
    expect(hop.client.socket.peer.writes).toBe(1);
  });

  test("stop being read when too many wait", () => {
    const hop = new Hop();
    hop.client.send(get);
    hop.run();
    hop.client.send(get.repeat(3000));
    hop.run();
    expect(hop.client.socket.peer.paused).toBe(true);
    for (let round = 0; round < 3001; round++) {
      hop.server(0).send(ok);
      hop.run();
    }
    expect(hop.ends).toHaveLength(3001);
    expect(hop.client.socket.peer.paused).toBe(false);
  });

  test("before the client's end are all answered, then the connection closes", () => {
    const hop = new Hop();
    hop.client.send(get + get);
    hop.client.socket.shutdown();
    hop.run();
    expect(hop.respond(ok)).toBe(ok);
    expect(hop.closed).toBe(false);
    expect(hop.respond(ok)).toBe(ok);
    expect(hop.closed).toBe(true);
  });
});

describe("connection: close", () => {
  test("of the client ends its connection, not the server's", () => {
    const hop = new Hop();
    expect(hop.request("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).toBe(
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    expect(hop.respond(ok)).toBe("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nconnection: close\r\n\r\nok");
    expect(hop.client.closed ?? hop.client.ended).not.toBe(null);
    expect(hop.server(0).closed).toBe(null);
    expect(hop.pool.size).toBe(1);
  });
  test("of the server ends its connection, not the client's", () => {
    const hop = new Hop();
    hop.request(get);
    expect(hop.respond("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")).toBe(ok);
    expect(hop.pool.size).toBe(0);
    expect(hop.request(get, 1)).toBe(get);
  });
  test("whose head does not come whole within 30 s are answered with 408, however often a byte comes", () => {
    const hop = new Hop();
    hop.request("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    hop.respond("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    hop.clock.advance(600_000);
    hop.run();
    expect([hop.closed, hop.clock.timers]).toEqual([false, 0]);
    hop.client.send("GET / HTTP/1.1\r\nX: ");
    hop.run();
    for (let second = 0; second < 29; second++) {
      hop.clock.advance(1000);
      hop.client.send("y");
      hop.run();
    }
    expect(hop.client.take()).toBe("");
    hop.clock.advance(1000);
    hop.run();
    expect(hop.client.take()).toBe("HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    expect([hop.closed, hop.client.ended, hop.clock.timers, hop.ends.length]).toEqual([true, true, 0, 1]);
  });
  test("whose heads come in pieces in time leave no timer behind", () => {
    const hop = new Hop();
    for (let count = 0; count < 3; count++) {
      hop.client.send("GET / HTTP/1.1\r\nHo");
      hop.run();
      hop.clock.advance(20_000);
      expect(hop.clock.timers).toBeGreaterThan(0);
      hop.request("st: a\r\n\r\n", count);
      hop.respond("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", count);
      expect(hop.clock.timers).toBe(0);
    }
    hop.client.send("GET");
    hop.run();
    hop.client.socket.terminate();
    hop.run();
    expect(hop.clock.timers).toBe(0);
  });
  test("finish lets the request under way end", () => {
    const hop = new Hop();
    hop.request(get);
    hop.connection.finish();
    expect(hop.respond(ok)).toContain("connection: close");
    hop.run();
    expect(hop.closed || hop.client.ended).toBe(true);
  });
});

describe("what breaks HTTP", () => {
  test("in a request is answered and the connection ends", () => {
    const hop = new Hop();
    hop.client.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    hop.run();
    expect(hop.client.take()).toBe("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    expect(hop.servers).toHaveLength(0);
    expect(hop.closed).toBe(true);
  });
  test("in a request's body resets the server's connection", () => {
    const hop = new Hop();
    hop.client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
    hop.run();
    hop.client.send("zz\r\n");
    hop.run();
    expect(hop.client.take()).toContain("400 Bad Request");
    expect(hop.server(0).closed).toBe("connection-reset");
  });
  test("in a response gives 502, once", () => {
    const hop = new Hop();
    hop.request(get);
    expect(hop.respond("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")).toContain(
      "502 Bad Gateway",
    );
    expect(hop.server(0).closed).toBe("connection-reset");
    expect(hop.ends).toEqual([[502, "complete"]]);
  });
  test("bytes after a response are not taken for the next one", () => {
    const hop = new Hop();
    hop.request(get);
    expect(hop.respond(`${ok}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged`)).toBe(ok);
    expect(hop.pool.size).toBe(0);
    hop.request(get, 1);
    expect(hop.respond("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue", 1)).toContain("true");
  });
  test("bytes without a request end the server's connection", () => {
    const hop = new Hop();
    hop.request(get);
    hop.respond(ok);
    hop.server(0).send("HTTP/1.1 408 Timeout\r\n\r\n");
    hop.run();
    expect(hop.pool.size).toBe(0);
    expect(hop.client.received).toBe("");
  });
});

describe("a connection that breaks", () => {
  test("before the answer gives 502", () => {
    const hop = new Hop();
    hop.request(get);
    hop.server(0).socket.close();
    hop.run();
    expect(hop.client.take()).toContain("502 Bad Gateway");
    expect(hop.ends).toEqual([[502, "complete"]]);
  });
  test("in the middle of the response resets the client", () => {
    const hop = new Hop();
    hop.request(get);
    hop.respond("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
    hop.server(0).socket.terminate();
    hop.run();
    expect(hop.client.closed).toBe("connection-reset");
    expect(hop.ends).toEqual([[200, "broken"]]);
  });
  test("by the client resets the server", () => {
    const hop = new Hop();
    hop.request(get);
    hop.client.socket.terminate();
    hop.run();
    expect(hop.server(0).closed).toBe("connection-reset");
    expect(hop.ends).toEqual([[0, "client-gone"]]);
    expect(hop.pool.empty).toBe(true);
  });
  test("by the client while a connection is awaited leaves nothing behind", () => {
    const hop = new Hop();
    hop.held = true;
    hop.client.send(get);
    hop.run();
    hop.client.socket.terminate();
    hop.run();
    expect(hop.ends).toEqual([[0, "client-gone"]]);
    hop.open();
    hop.clock.advance(3_000);
    hop.run();
    expect(hop.pool.empty).toBe(true);
    expect(hop.clock.timers).toBe(0);
  });
  test("when it was kept and the request may be repeated, the request is sent again", () => {
    const hop = new Hop();
    hop.request(get);
    hop.respond(ok);
    hop.request(get);
    hop.server(0).socket.terminate();
    hop.run();
    expect(hop.server(1).take()).toBe(get);
    expect(hop.respond(ok, 1)).toBe(ok);
  });
  test("when it was kept and the request may not be repeated, gives 502", () => {
    const hop = new Hop();
    hop.request(get);
    hop.respond(ok);
    hop.request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    hop.server(0).socket.terminate();
    hop.run();
    expect(hop.client.take()).toContain("502 Bad Gateway");
    expect(hop.servers).toHaveLength(1);
  });
  test("in the middle of the client's body gives 400 and resets the server", () => {
    const hop = new Hop();
    hop.request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
    hop.client.socket.shutdown();
    hop.run();
    expect(hop.client.take()).toContain("400 Bad Request");
    expect(hop.server(0).closed).toBe("connection-reset");
  });
});

describe("the pool", () => {
  test("keeps a body until the connection is there", () => {
    const hop = new Hop();
    hop.held = true;
    hop.client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
    hop.run();
    expect(hop.client.socket.peer.paused).toBe(true);
    hop.client.send("def");
    hop.run();
    hop.open();
    expect(hop.server(0).take()).toBe("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabcdef");
    expect(hop.respond(ok)).toBe(ok);
  });
  test("closes a connection that was idle for 3 s", () => {
    const hop = new Hop();
    hop.request(get);
    hop.respond(ok);
    hop.clock.advance(2_000);
    hop.request(get);
    hop.respond(ok);
    hop.clock.advance(2_999);
    hop.run();
    expect(hop.pool.size).toBe(1);
    hop.clock.advance(1);
    hop.run();
    expect(hop.pool.empty).toBe(true);
    expect(hop.clock.timers).toBe(0);
    expect(hop.serverCells.open).toBe(0);
  });
  test("tells when no connection can be made", () => {
    const hop = new Hop();
    hop.refuse = 1;
    hop.client.send(get);
    hop.run();
    expect(hop.client.take()).toContain("504 Gateway Timeout");
  });
  test("that is retired finishes what is under way and keeps nothing", () => {
    const hop = new Hop();
    hop.request(get);
    hop.pool.retire();
    expect(hop.respond(ok)).toBe(ok);
    hop.run();
    expect(hop.pool.empty).toBe(true);
  });
});

describe("a byte tunnel", () => {
  const upgrade =
    "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n";
  test("opens after 101, with bytes that came early, and passes both ends on", () => {
    const hop = new Hop();
    expect(hop.request(`${upgrade}early`)).toBe(
      "GET /ws HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: k\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    );
    expect(
      hop.respond("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello"),
    ).toBe("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello");
    expect(hop.server(0).take()).toBe("early");
    expect(hop.request("GET / HTTP/1.1\r\n\r\n")).toBe("GET / HTTP/1.1\r\n\r\n");
    hop.client.socket.shutdown();
    hop.run();
    expect(hop.server(0).ended).toBe(true);
    expect(hop.respond("last")).toBe("last");
    hop.server(0).socket.shutdown();
    hop.run();
    expect(hop.closed).toBe(true);
    expect(hop.ends).toEqual([[101, "complete"]]);
    expect(hop.pool.empty).toBe(true);
    expect(hop.serverCells.open).toBe(0);
  });
  test("opens after a CONNECT that succeeded", () => {
    const hop = new Hop();
    expect(hop.request("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n")).toBe(
      "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
    );
    expect(hop.respond("HTTP/1.1 200 OK\r\n\r\nbytes")).toBe("HTTP/1.1 200 OK\r\n\r\nbytes");
    expect(hop.request("\x16\x03")).toBe("\x16\x03");
  });
  test("does not open when CONNECT fails", () => {
    const hop = new Hop();
    hop.request("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n");
    expect(hop.respond("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")).toContain("403");
    expect(hop.request(get)).toBe(get);
  });
  test("is refused when nobody asked", () => {
    const hop = new Hop();
    hop.request(get);
    expect(hop.respond("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")).toContain(
      "502 Bad Gateway",
    );
  });
  test("to HTTP/2 is not asked for", () => {
    const hop = new Hop();
    expect(
      hop.request(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
      ),
    ).toBe("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  });
  for (const value of ["websocket,\th2c", "H2C ", "x, h2c;q=1", "h2c-14", "HTTP/2.0", '"h2c"'])
    test(`to ${JSON.stringify(value)}, which a server may take for HTTP/2, is not asked for`, () => {
      const hop = new Hop();
      expect(hop.request(`GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: ${value}\r\n\r\n`)).toBe(
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      );
    });
  test("to HTTP/2 is refused when the server does it although something else was asked for", () => {
    const hop = new Hop();
    hop.request(upgrade);
    const answer = hop.respond("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    expect(answer).toContain("502 Bad Gateway");
  });
  test("passes a reset on", () => {
    const hop = new Hop();
    hop.request(upgrade);
    hop.respond("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    hop.server(0).socket.terminate();
    hop.run();
    expect(hop.client.closed).toBe("connection-reset");
  });
});

describe("backpressure", () => {
  const big = "x".repeat(200_000);
  test("stops reading the response while the client does not read, and loses nothing", () => {
    const hop = new Hop({ room: 10_000 });
    hop.request(get);
    hop.client.socket.pause();
    hop.server(0).send("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n");
    let sent = 0;
    let stalled = 0;
    while (stalled < 3) {
      const taken = hop.server(0).socket.write(Buffer.from(big), sent, big.length - sent);
      sent += taken;
      stalled = taken === 0 ? stalled + 1 : 0;
      hop.run();
    }
    // What the client's side and the server's side took, and one chunk that had been read.
    expect(sent).toBeLessThan(40_000);
    expect(hop.server(0).socket.peer.paused).toBe(true);
    hop.client.socket.resume();
    while (sent < big.length) {
      hop.run();
      sent += hop.server(0).socket.write(Buffer.from(big), sent, big.length - sent);
    }
    hop.run();
    expect(hop.client.take()).toBe(`HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n${big}`);
    expect(hop.ends).toEqual([[200, "complete"]]);
  });
  test("stops reading the request while the server does not read, and loses nothing", () => {
    const hop = new Hop({ room: 10_000 });
    hop.client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n30d40\r\n");
    hop.run();
    hop.server(0).socket.pause();
    let sent = 0;
    let stalled = 0;
    while (stalled < 3) {
      const taken = hop.client.socket.write(Buffer.from(big), sent, big.length - sent);
      sent += taken;
      stalled = taken === 0 ? stalled + 1 : 0;
      hop.run();
    }
    expect(sent).toBeLessThan(40_000);
    hop.server(0).socket.resume();
    while (sent < big.length) {
      hop.run();
      sent += hop.client.socket.write(Buffer.from(big), sent, big.length - sent);
    }
    hop.run();
    hop.client.send("\r\n0\r\n\r\n");
    hop.run();
    const body = hop
      .server(0)
      .take()
      .replace(/^[^]*?\r\n\r\n/, "")
      .replaceAll(/(?:^|\r\n)[0-9a-f]+\r\n/g, "");
    expect(body.trimEnd()).toBe(big);
  });
});
