import type { MeshError } from "#lib/errors.ts";
import type { Socket } from "#lib/net/socket.ts";
import { TcpForward, type ForwardOwner } from "../http/tcp-forward.ts";
import { connectApp } from "./app-pools.ts";
import type { InboundShared } from "./options.ts";
import type { ConnectionVerdict, InboundConnection, PortPolicy } from "./ports.ts";

/** What was read of a client, and whether its end was seen. */
export interface Said {
  readonly initial: Buffer;
  readonly ended: boolean;
}

/** One connection that is passed to the application as bytes, or may be, as long as the policy allows it. */
export class InboundTcpSession implements ForwardOwner {
  private readonly shared: InboundShared;
  private readonly facts: InboundConnection;
  private readonly verdict: ConnectionVerdict;
  private readonly onOver: (error: MeshError | null) => void;
  private readonly forward: TcpForward;
  private readonly stopWatching: () => void;

  /** `verdict`: an allowing one. `said`: by the client; or it says nothing and the application is listened to. */
  constructor(
    shared: InboundShared,
    facts: InboundConnection,
    policy: PortPolicy,
    verdict: ConnectionVerdict,
    client: Socket,
    said: Said | { readonly onServerSpoke: () => void },
    onOver: (error: MeshError | null) => void,
  ) {
    this.shared = shared;
    this.facts = facts;
    this.verdict = verdict;
    this.onOver = onOver;
    this.forward =
      "initial" in said
        ? TcpForward.of(client, verdict.source, this, said.initial, said.ended)
        : TcpForward.listening(client, verdict.source, this, said.onServerSpoke);
    this.stopWatching = policy.watch(() => {
      if (policy.authorize(facts).allowed) return;
      shared.options.errors.tcpFailed("unauthorized", null);
      this.forward.terminate();
    });
  }

  /** After listening: the client's bytes go there. */
  join({ initial, ended }: Said): void {
    this.forward.join(initial, ended);
  }

  /** After listening: nothing goes there. */
  abandon(): void {
    this.forward.abandon();
  }

  start(): void {
    this.forward.dial((handler) => connectApp(this.shared.options, this.facts.target, handler));
  }

  onConnected(server: Socket): void {
    this.forward.open(server, this.verdict.destination, null);
  }

  onConnectFailed(error: MeshError): void {
    this.shared.options.errors.tcpFailed(error.code === "timeout" ? "connect-timeout" : "connect-failed", error);
    this.forward.reject();
  }

  onEnded(error: MeshError | null): void {
    this.stopWatching();
    this.onOver(error);
  }
}
