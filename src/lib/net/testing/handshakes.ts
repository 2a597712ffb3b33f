/** A TLS server and client over loopback whose every handshake has an outcome to look at. For tests. */
import type { MeshError } from "../../errors.ts";
import { connect } from "../connect.ts";
import { listen } from "../listen.ts";
import type { Socket } from "../socket.ts";
import { upgradeServer } from "../tls.ts";
import type { ClientTls, ServerTls } from "../tls.ts";
import { testAuthority, testContext } from "./pairs.ts";

export const serverName = "server.test";
/** The authority that both sides trust unless told otherwise. */
export const authority = testAuthority("ours");
export const serverContext = testContext(authority, [serverName]);
const clientContext = testContext(authority, ["client.test"]);

export type Outcome = Socket | MeshError;

export interface Server {
  readonly port: number;
  /** What came of each connection in turn. */
  next(): Promise<Outcome>;
  close(): void;
}

export function serve(options: Partial<ServerTls> = {}, peek = false): Server {
  const outcomes: Outcome[] = [];
  const waiting: Array<(outcome: Outcome) => void> = [];
  const told = (outcome: Outcome): void => {
    const resolve = waiting.shift();
    if (resolve === undefined) outcomes.push(outcome);
    else resolve(outcome);
  };
  const upgrade = (socket: Socket, initial: Buffer): void => {
    upgradeServer(socket, { context: serverContext, alpn: [], initial, ...options }, { onSecure: told, onFail: told });
  };
  const listener = listen({ ip: "127.0.0.1", port: 0 }, (socket) => {
    if (!peek) {
      upgrade(socket, Buffer.alloc(0));
      return;
    }
    // As detection does: read something first, then decide.
    socket.handler = {
      onData: (_socket, chunk) => upgrade(socket, chunk),
      onDrain() {},
      onEnd: () => told(new Error("ended before TLS") as MeshError),
      onClose() {},
    };
  });
  return {
    port: listener.addr.port,
    next: () =>
      new Promise((resolve) => {
        const ready = outcomes.shift();
        if (ready === undefined) waiting.push(resolve);
        else resolve(ready);
      }),
    close: () => listener.close(),
  };
}

export function dial(port: number, tls: Partial<ClientTls> = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    connect(
      {
        ip: "127.0.0.1",
        port,
        timeout: 4000,
        tls: { context: clientContext, serverName, verify: { identity: serverName }, ...tls },
      },
      { onOpen: resolve, onFail: resolve },
    );
  });
}

/** The error's code, or "secure". */
export const code = (outcome: Outcome): string => (outcome instanceof Error ? outcome.code : "secure");

/** A plain connection. */
export function plain(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    connect({ ip: "127.0.0.1", port, timeout: 4000 }, { onOpen: resolve, onFail: reject });
  });
}

/** The first flight of a client with a small one, so that every cut of it can be tried. */
export function recordHello(): Promise<Buffer> {
  return new Promise((resolve) => {
    const listener = listen({ ip: "127.0.0.1", port: 0 }, (socket) => {
      socket.handler = {
        onData(_socket, chunk) {
          listener.close();
          socket.terminate();
          resolve(chunk);
        },
        onDrain() {},
        onEnd() {},
        onClose() {},
      };
    });
    const target = `127.0.0.1:${listener.addr.port}`;
    const options = ["-connect", target, "-tls1_3", "-groups", "X25519", "-servername", serverName];
    Bun.spawn(["openssl", "s_client", ...options], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  });
}
