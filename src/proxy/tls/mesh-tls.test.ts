import { expect, test } from "bun:test";
import type { MeshError } from "#lib/errors.ts";
import { memoryLog } from "#lib/log.ts";
import { connect } from "#lib/net/connect.ts";
import { listen } from "#lib/net/listen.ts";
import { createTlsContext } from "#lib/net/tls.ts";
import type { Socket } from "#lib/net/socket.ts";
import { leafPem, testAuthority, type TestAuthority } from "#lib/net/testing/pairs.ts";
import { Recorder } from "#lib/net/testing/recorder.ts";
import { Watchable } from "#lib/watchable.ts";
import type { Credentials } from "../identity/credentials.ts";
import { MeshTls } from "./mesh-tls.ts";

const authority = testAuthority();

function credentials(name: string, by: TestAuthority = authority, anchorsPem = by.anchorPem): Credentials {
  const { certPem, keyPem } = leafPem(by, [name]);
  return { name, chainPem: certPem, keyPem, anchorsPem, notBefore: 0, notAfter: Date.now() + 1e6 };
}

/** One connection: what the client and the server made of it. */
async function meet(client: MeshTls, server: MeshTls, identity: string) {
  const served = Promise.withResolvers<Socket | MeshError>();
  const listener = listen({ ip: "127.0.0.1", port: 0 }, (socket) => {
    server.accept(
      socket,
      { initial: Buffer.alloc(0), alpn: ["h2"] },
      { onSecure: served.resolve, onFail: served.resolve },
    );
  });
  const dialed = Promise.withResolvers<Socket | MeshError>();
  const tls = client.client({ identity, serverName: identity }, ["h2"]);
  if (tls === null) throw new Error("The client has no credentials");
  connect(
    { ip: "127.0.0.1", port: listener.addr.port, timeout: 2000, tls },
    { onOpen: dialed.resolve, onFail: dialed.resolve },
  );
  const outcome = { client: await dialed.promise, server: await served.promise };
  listener.close();
  return outcome;
}

test("two workloads with credentials meet and know each other", async () => {
  const { log } = memoryLog();
  const web = new MeshTls(new Watchable<Credentials | null>(credentials("web.test")), log);
  const voting = new MeshTls(new Watchable<Credentials | null>(credentials("voting.test")), log);
  expect(web.localName).toBe("web.test");
  const { client, server } = await meet(web, voting, "voting.test");
  expect((server as Socket).tls).toEqual({ peerNames: ["web.test"], alpn: "h2", serverName: "voting.test" });
  expect((client as Socket).tls?.peerNames).toEqual(["voting.test"]);
  (client as Socket).terminate();
});

test("an expired certificate is not used towards workloads, and still where nobody asks for it", () => {
  const { log } = memoryLog();
  const own = credentials("web.test");
  const web = new MeshTls(new Watchable<Credentials | null>(own), log);
  const peer = { identity: "a.test", serverName: "a.test" };
  expect(web.workload(peer, [], own.notAfter - 1000)).not.toBeNull();
  expect(web.workload(peer, [], own.notAfter - 100)).toBeNull();
  expect(web.client(peer)).not.toBeNull();
});

test("without credentials there is no client context, and a connection is refused", async () => {
  const { log } = memoryLog();
  const empty = new MeshTls(new Watchable<Credentials | null>(null), log);
  expect(empty.ready).toBe(false);
  expect(empty.localName).toBeNull();
  expect(empty.client({ identity: "a.test", serverName: "a.test" })).toBeNull();
  const web = new MeshTls(new Watchable<Credentials | null>(credentials("web.test")), log);
  const { server } = await meet(web, empty, "empty.test");
  expect((server as MeshError).code).toBe("unavailable");
});

test("renewed credentials count from the next connection on, and open ones live on", async () => {
  const { log } = memoryLog();
  const source = new Watchable<Credentials | null>(credentials("voting.test"));
  const web = new MeshTls(new Watchable<Credentials | null>(credentials("web.test")), log);
  const voting = new MeshTls(source, log);
  const before = await meet(web, voting, "voting.test");
  source.set(credentials("renamed.test"));
  expect(voting.localName).toBe("renamed.test");
  const after = await meet(web, voting, "renamed.test");
  expect((after.client as Socket).tls?.peerNames).toEqual(["renamed.test"]);
  const recorder = new Recorder();
  (before.client as Socket).handler = recorder;
  (before.server as Socket).write(Buffer.from("still here"), 0, 10);
  await recorder.until((r) => r.received === 10);
  (before.client as Socket).terminate();
  (after.client as Socket).terminate();
});

test("anchors can be rotated: first both, then the new one alone", async () => {
  const { log } = memoryLog();
  const next = testAuthority("next");
  const both = authority.anchorPem + next.anchorPem;
  const source = new Watchable<Credentials | null>(credentials("web.test"));
  const web = new MeshTls(source, log);
  const moved = new MeshTls(new Watchable<Credentials | null>(credentials("voting.test", next, both)), log);
  expect((await meet(web, moved, "voting.test")).client).toMatchObject({ code: "tls-handshake" });
  source.set(credentials("web.test", authority, both));
  expect((await meet(web, moved, "voting.test")).server).not.toBeInstanceOf(Error);
  source.set(credentials("web.test", authority, next.anchorPem));
  expect((await meet(web, moved, "voting.test")).server).not.toBeInstanceOf(Error);
});

test("credentials that can't be used leave the old ones in place and say so", () => {
  const { log, lines } = memoryLog();
  const source = new Watchable<Credentials | null>(credentials("web.test"));
  const web = new MeshTls(source, log);
  source.set({ ...credentials("broken.test"), keyPem: "rubbish" });
  expect(web.localName).toBe("web.test");
  expect(web.ready).toBe(true);
  expect(lines.join()).toContain("New credentials can't be used id=broken.test");
  web.stop();
  source.set(credentials("later.test"));
  expect(web.localName).toBe("web.test");
});

test("a client without a certificate is taken only where nobody asks for one", async () => {
  const { log } = memoryLog();
  const identity = new MeshTls(new Watchable<Credentials | null>(credentials("identity.test")), log);
  const context = createTlsContext({ certPem: null, keyPem: null, caPem: authority.anchorPem, requestPeer: false });
  const serve = async (anonymous: boolean): Promise<Socket | MeshError> => {
    const served = Promise.withResolvers<Socket | MeshError>();
    const listener = listen({ ip: "127.0.0.1", port: 0 }, (socket) => {
      const options = { initial: Buffer.alloc(0), alpn: ["h2"], anonymous };
      identity.accept(socket, options, { onSecure: served.resolve, onFail: served.resolve });
    });
    const tls = { context, serverName: "identity.test", verify: { identity: "identity.test" } } as const;
    connect(
      { ip: "127.0.0.1", port: listener.addr.port, timeout: 2000, tls },
      { onOpen: (socket) => (socket.handler = new Recorder()), onFail() {} },
    );
    const outcome = await served.promise;
    listener.close();
    return outcome;
  };
  const taken = await serve(true);
  expect((taken as Socket).tls).toEqual({ peerNames: [], alpn: null, serverName: "identity.test" });
  (taken as Socket).terminate();
  expect(await serve(false)).toBeInstanceOf(Error);
});
