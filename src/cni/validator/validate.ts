/**
 * Proves that outgoing connections are redirected: we listen where the proxy will, connect to an address outside, and
 * look for our own answer. It tries until the time is up, because the rules may be put in place while we wait.
 */
import { randomBytes } from "node:crypto";
import type { Clock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import { connect } from "#lib/net/connect.ts";
import { listen } from "#lib/net/listen.ts";
import { formatAddr } from "#lib/net/sockaddr.ts";
import type { PendingConnect, Socket, SocketAddr, SocketHandler } from "#lib/net/socket.ts";

export interface ValidateOptions {
  readonly connect: SocketAddr;
  readonly listen: SocketAddr;
  /** ms */
  readonly timeout: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** Longest wait for one connection and its answer, ms: without rules nobody answers at all. */
const attemptTimeout = 1000;
/** ms between two attempts. */
const pause = 200;

/** Resolves when the redirect works. Throws "timeout" with what happened last when it does not within the time. */
export async function validateRedirect(options: ValidateOptions): Promise<void> {
  const { clock, log } = options;
  const token = randomBytes(24).toString("hex");
  const listener = listen(options.listen, (socket) => {
    socket.handler = new Receiver(() => {});
    const bytes = Buffer.from(token);
    socket.write(bytes, 0, bytes.length);
    socket.close();
  });
  const end = clock.now() + options.timeout;
  const target = options.connect;
  try {
    for (;;) {
      const limit = Math.min(attemptTimeout, end - clock.now());
      const said = await attempt(target, token, limit, clock);
      if (said === null) {
        log.info("Outgoing connections are redirected", { target: formatAddr(target) });
        return;
      }
      log.debug("Outgoing connections are not redirected yet", { reason: said });
      if (clock.now() + pause >= end) {
        throw new MeshError(
          "timeout",
          `Outgoing connections are not redirected to port ${listener.addr.port} after ${Math.round(options.timeout / 1000)} s: ${said}; the CNI plugin did not set up this pod: see the pods and the log of DaemonSet "linkerd-cni" on this node`,
        );
      }
      await new Promise<void>((resolve) => void clock.after(pause, resolve));
    }
  } finally {
    listener.close();
  }
}

/** Null when our own token came back, else what happened instead. */
function attempt(target: SocketAddr, token: string, limit: number, clock: Clock): Promise<string | null> {
  return new Promise((resolve) => {
    let open: Socket | null = null;
    let pending: PendingConnect | null = null;
    const finish = (outcome: string | null): void => {
      timer.cancel();
      pending?.cancel();
      open?.terminate();
      resolve(outcome);
    };
    const timer = clock.after(limit, () => finish(`no answer at "${formatAddr(target)}"`));
    pending = connect(
      { ...target, timeout: limit + 1000, clock },
      {
        onOpen: (socket) => {
          open = socket;
          socket.handler = new Receiver((received) => {
            if (received === token) finish(null);
            else finish(`somebody else answers at "${formatAddr(target)}"`);
          }, token.length);
        },
        onFail: (error) => finish(error.message),
      },
    );
  });
}

/** Collects up to `size` bytes and hands them over once: when they are there or when the connection ends. */
class Receiver implements SocketHandler {
  private received = "";
  private done = false;
  private readonly size: number;
  private readonly report: (received: string) => void;

  constructor(report: (received: string) => void, size = 0) {
    this.report = report;
    this.size = size;
  }

  onData(_socket: Socket, chunk: Buffer): void {
    if (this.received.length < this.size) this.received += chunk.toString("latin1", 0, this.size);
    if (this.size > 0 && this.received.length >= this.size) this.end();
  }

  onDrain(): void {}

  onEnd(): void {
    this.end();
  }

  onClose(): void {
    this.end();
  }

  private end(): void {
    if (this.done) return;
    this.done = true;
    this.report(this.received);
  }
}
