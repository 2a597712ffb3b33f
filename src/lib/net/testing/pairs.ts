/** Connected pairs of real sockets over loopback, and the certificates that they need. For tests. */
import { createIssuer, createLeaf, createRoot, validFor } from "../../x509/sign.ts";
import type { Authority } from "../../x509/sign.ts";
import { certificatePem } from "../../x509/certificate.ts";
import { connect } from "../connect.ts";
import { listen } from "../listen.ts";
import type { Listener, Socket } from "../socket.ts";
import { createTlsContext, upgradeServer } from "../tls.ts";
import type { TlsContext } from "../tls.ts";

export interface TestAuthority {
  readonly anchorPem: string;
  readonly root: Authority;
  readonly issuer: Authority;
}

const day = 86_400_000;

/** A root and an issuer that are valid now. */
export function testAuthority(name = "test"): TestAuthority {
  const validity = validFor(Date.now(), day, day);
  const root = createRoot(`root.${name}`, validity);
  return { anchorPem: certificatePem(root.certificate), root, issuer: createIssuer(root, `issuer.${name}`, validity) };
}

/** Leaf and issuer as a chain, and the key. */
export function leafPem(
  authority: TestAuthority,
  names: readonly string[],
  validity = validFor(Date.now(), day, day),
): { certPem: string; keyPem: string } {
  const leaf = createLeaf(authority.issuer, names, validity);
  return {
    certPem: certificatePem(leaf.certificate) + certificatePem(authority.issuer.certificate),
    keyPem: leaf.key.privateKeyPem,
  };
}

/** A context with a leaf of these names that trusts the same authority (or `trust`) and demands a peer certificate. */
export function testContext(
  authority: TestAuthority,
  names: readonly string[],
  trust = authority.anchorPem,
): TlsContext {
  return createTlsContext({ ...leafPem(authority, names), caPem: trust, requestPeer: true });
}

export interface RealPair {
  readonly client: Socket;
  readonly server: Socket;
  readonly listener: Listener;
}

/** Two plain sockets connected over loopback; the listener is closed already. */
export function plainPair(ip = "127.0.0.1"): Promise<RealPair> {
  return new Promise((resolve, reject) => {
    let server: Socket | null = null;
    let client: Socket | null = null;
    const done = (): void => {
      if (server === null || client === null) return;
      listener.close();
      resolve({ client, server, listener });
    };
    const listener = listen({ ip, port: 0 }, (socket) => {
      server = socket;
      done();
    });
    connect(
      { ip, port: listener.addr.port, timeout: 5000 },
      {
        onOpen(socket) {
          client = socket;
          done();
        },
        onFail: reject,
      },
    );
  });
}

/** The same with mutual TLS; the server is "server.test", the client "client.test". */
export function tlsPair(authority = testAuthority()): Promise<RealPair> {
  const context = testContext(authority, ["server.test"]);
  return new Promise((resolve, reject) => {
    let server: Socket | null = null;
    let client: Socket | null = null;
    const done = (): void => {
      if (server === null || client === null) return;
      listener.close();
      resolve({ client, server, listener });
    };
    const listener = listen({ ip: "127.0.0.1", port: 0 }, (socket) => {
      upgradeServer(
        socket,
        { context, alpn: ["h2"], initial: Buffer.alloc(0) },
        {
          onSecure(secure) {
            server = secure;
            done();
          },
          onFail: reject,
        },
      );
    });
    connect(
      {
        ip: "127.0.0.1",
        port: listener.addr.port,
        timeout: 5000,
        tls: {
          context: testContext(authority, ["client.test"]),
          serverName: "server.test",
          verify: { identity: "server.test" },
          alpn: ["h2"],
        },
      },
      {
        onOpen(socket) {
          client = socket;
          done();
        },
        onFail: reject,
      },
    );
  });
}
