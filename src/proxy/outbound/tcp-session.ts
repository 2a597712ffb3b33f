import type { MeshError } from "#lib/errors.ts";
import type { Socket } from "#lib/net/socket.ts";
import { affinityKey, noKey } from "../balance/affinity.ts";
import { errorOfCause } from "../http/stream-error.ts";
import { TcpForward, type ForwardOwner } from "../http/tcp-forward.ts";
import { connectEndpoint, prologue } from "./endpoint-connect.ts";
import { causeOf } from "./http-session.ts";
import { maxAttempts, type OutboundShared } from "./options.ts";
import type { Balancer, Endpoint, OutboundTarget, PickWaiter, RouteError, TcpRouteCells } from "./ports.ts";

/** What was read of a client, and whether its end was seen. */
export interface Said {
  readonly initial: Buffer;
  readonly ended: boolean;
}

/** One connection that is passed on as bytes, or may be: it picks an endpoint once and stays with it. */
export class OutboundTcpSession implements ForwardOwner, PickWaiter {
  private readonly shared: OutboundShared;
  private readonly balancer: Balancer;
  private readonly route: TcpRouteCells;
  /** A connection that is only listened to may still become one of HTTP. */
  private counted = false;
  private failure: RouteError | null = null;
  private readonly onOver: (error: MeshError | null) => void;
  private readonly forward: TcpForward;
  private readonly startedAt: number;
  private endpoint: Endpoint | null = null;
  private waiting = false;
  private attempts = 0;
  /** Connections know their source alone. */
  readonly affinityKey: number;
  private dialedAt = 0;

  /** `said`: by the client; or it says nothing and the server is listened to. */
  constructor(
    shared: OutboundShared,
    target: OutboundTarget,
    balancer: Balancer,
    client: Socket,
    said: Said | { readonly onServerSpoke: () => void },
    onOver: (error: MeshError | null) => void,
  ) {
    this.shared = shared;
    const { source } = target;
    this.balancer = balancer;
    this.route = target.tcpRoute(balancer);
    if ("initial" in said) this.count();
    this.onOver = onOver;
    this.affinityKey =
      balancer.affinity?.kind === "source" ? affinityKey(balancer.affinity, null, client.remote.ip) : noKey;
    this.startedAt = shared.options.clock.now();
    this.forward =
      "initial" in said
        ? TcpForward.of(client, source, this, said.initial, said.ended)
        : TcpForward.listening(client, source, this, said.onServerSpoke);
  }

  /** After listening: the client's bytes go there. */
  join({ initial, ended }: Said): void {
    this.count();
    this.forward.join(initial, ended);
  }

  /** After listening: nothing goes there. */
  abandon(): void {
    this.forward.abandon();
  }

  start(): void {
    const { balancer } = this;
    const endpoint = balancer.pick(this.affinityKey);
    if (endpoint !== null) {
      this.use(endpoint);
      return;
    }
    const outcome = balancer.wait(this);
    if (outcome === "queued") this.waiting = true;
    else this.refused(outcome);
  }

  onEndpoint(endpoint: Endpoint): void {
    this.waiting = false;
    this.use(endpoint);
  }

  onRefused(cause: "failfast" | "load-shed"): void {
    this.waiting = false;
    this.refused(cause);
  }

  private count(): void {
    this.counted = true;
    this.route.opened();
  }

  private refused(cause: "failfast" | "load-shed"): void {
    this.failure = errorOfCause(cause);
    this.shared.options.errors.tcpFailed(cause, null);
    this.forward.reject();
  }

  private use(endpoint: Endpoint): void {
    endpoint.started();
    this.endpoint = endpoint;
    this.dialedAt = this.shared.options.clock.now();
    this.forward.dial((handler) => connectEndpoint(this.shared, endpoint, handler));
  }

  onConnected(server: Socket): void {
    const { endpoint } = this;
    if (endpoint === null) {
      server.terminate();
      return;
    }
    endpoint.connected();
    endpoint.responded(this.shared.options.clock.now() - this.dialedAt, 0);
    this.forward.open(server, endpoint.transport, prologue(this.shared, endpoint, null));
  }

  onConnectFailed(error: MeshError): void {
    const { options } = this.shared;
    const { endpoint } = this;
    this.endpoint = null;
    endpoint?.connectFailed(error);
    endpoint?.ended(true);
    if (++this.attempts < maxAttempts && options.clock.now() - this.startedAt < options.dispatchTimeout) {
      this.start();
      return;
    }
    this.failure = errorOfCause(causeOf(error));
    options.errors.tcpFailed(causeOf(error), error);
    this.forward.reject();
  }

  onEnded(error: MeshError | null, opened: boolean): void {
    if (this.waiting) this.balancer.giveUp(this);
    this.endpoint?.ended(opened && error !== null);
    if (this.counted) this.route.closed(this.failure ?? (error === null ? null : "IO"));
    this.endpoint = null;
    this.onOver(error);
  }
}
