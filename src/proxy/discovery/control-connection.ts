/**
 * Connections to one service of the control plane: resolves its name anew when what was known has expired or failed,
 * and tries every address before it gives up, starting with another one each time so that replicas share the load.
 */
import type { Clock } from "#lib/clock.ts";
import { MeshError, asMeshError } from "#lib/errors.ts";
import { connect } from "#lib/net/connect.ts";
import type { Resolution } from "#lib/net/resolve.ts";
import type { ConnectHandler, PendingConnect, SocketAddr } from "#lib/net/socket.ts";
import type { ClientTls } from "#lib/net/tls.ts";
import type { Random } from "#lib/random.ts";

export interface ControlConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly resolver: { resolve(host: string, port: number): Promise<Resolution> };
  /** Who must answer, or "plaintext"; null: not possible yet, because there is no certificate. */
  readonly tls: () => ClientTls | "plaintext" | null;
  /** Of one address, ms. */
  readonly timeout: number;
  /** SO_MARK of the connections; default none. */
  readonly mark?: number;
  readonly clock: Clock;
  readonly random: Random;
}

export class ControlConnection {
  private readonly options: ControlConnectionOptions;
  private known: { readonly addrs: readonly SocketAddr[]; readonly until: number } | null = null;

  constructor(options: ControlConnectionOptions) {
    this.options = options;
  }

  /** Addresses that the name last resolved to; 0 while they are not known. */
  get addressCount(): number {
    return this.known?.addrs.length ?? 0;
  }

  /** For {@link RpcClient}. */
  readonly connect = (handler: ConnectHandler): PendingConnect => {
    let cancelled = false;
    let attempt: PendingConnect | null = null;
    const fail = (error: MeshError): void => {
      if (!cancelled) handler.onFail(error);
    };
    this.addresses().then(
      (addrs) => {
        const tryFrom = (index: number, last: MeshError | null): void => {
          const addr = addrs[index];
          if (cancelled) return;
          if (addr === undefined) {
            // None of them works: the next attempt asks DNS again.
            this.known = null;
            fail(last ?? new MeshError("dns", `Resolving "${this.options.host}": no address`));
            return;
          }
          const tls = this.options.tls();
          if (tls === null) {
            fail(new MeshError("unavailable", `Connecting to "${this.options.host}": there is no certificate yet`));
            return;
          }
          const secure = tls === "plaintext" ? {} : { tls };
          const { mark } = this.options;
          const onFail = (error: MeshError): void => tryFrom(index + 1, error);
          attempt = connect(
            { ...addr, timeout: this.options.timeout, ...secure, ...(mark === undefined ? {} : { mark }) },
            { onOpen: (socket) => handler.onOpen(socket), onFail },
          );
        };
        tryFrom(0, null);
      },
      (thrown: unknown) => fail(asMeshError(thrown, `Resolving "${this.options.host}"`)),
    );
    return {
      cancel() {
        cancelled = true;
        attempt?.cancel();
      },
    };
  };

  private async addresses(): Promise<SocketAddr[]> {
    const { host, port, resolver, clock, random } = this.options;
    if (this.known === null || clock.now() >= this.known.until) {
      const { addrs, ttl } = await resolver.resolve(host, port);
      this.known = { addrs, until: clock.now() + ttl };
    }
    const { addrs } = this.known;
    const start = Math.floor(random.next() * addrs.length);
    return [...addrs.slice(start), ...addrs.slice(0, start)];
  }
}
