import type { MeshError } from "#lib/errors.ts";
import { header, type RequestHead } from "#wire/http1/head.ts";
import type { HttpPool } from "../http/pool.ts";
import type { FailureCause, HttpCells } from "../http/ports.ts";
import type { ExchangeEnd, RequestHandler, ServerConnection } from "../http/server-connection.ts";
import type { InboundShared } from "./options.ts";
import type { InboundConnection, PortPolicy } from "./ports.ts";

/** The requests of one client connection, one at a time: authorize each, send it to the application, report the outcome. */
export class InboundHttpSession implements RequestHandler {
  private readonly shared: InboundShared;
  private readonly facts: InboundConnection;
  private readonly policy: PortPolicy;
  private readonly pool: HttpPool;
  private readonly onOver: (error: MeshError | null) => void;
  private head: RequestHead | null = null;
  private cells: HttpCells | null = null;
  private startedAt = 0;

  constructor(
    shared: InboundShared,
    facts: InboundConnection,
    policy: PortPolicy,
    pool: HttpPool,
    onOver: (error: MeshError | null) => void,
  ) {
    this.shared = shared;
    this.facts = facts;
    this.policy = policy;
    this.pool = pool;
    this.onOver = onOver;
  }

  onRequest(connection: ServerConnection, head: RequestHead): void {
    const { shared } = this;
    this.head = head;
    this.startedAt = shared.options.clock.now();
    shared.inFlight++;
    const verdict = this.policy.authorizeRequest(this.facts, head);
    this.cells = verdict.http;
    verdict.http.requestStarted();
    if (verdict.kind !== "allow") {
      this.fail(connection, verdict.kind, refusals[verdict.kind]);
    } else if (shared.inFlight > shared.options.maxInFlight) {
      this.fail(connection, "load-shed", "Too many requests at a time");
    } else {
      connection.send(this.pool);
    }
  }

  onUnsent(connection: ServerConnection, error: MeshError): void {
    this.fail(connection, error.code === "timeout" ? "connect-timeout" : "connect-failed", error.message);
  }

  onNoAnswer(connection: ServerConnection, error: MeshError): void {
    this.fail(connection, error.code === "protocol" ? "bad-response" : "connect-failed", error.message);
  }

  onResponse(): void {}

  onExchangeEnd(status: number, end: ExchangeEnd): void {
    this.cells?.responseEnded(status, this.shared.options.clock.now() - this.startedAt, end === "complete");
    this.shared.inFlight--;
    this.head = null;
    this.cells = null;
  }

  onAbandoned(): void {}

  onClosed(error: MeshError | null): void {
    this.onOver(error);
  }

  private fail(connection: ServerConnection, cause: FailureCause, message: string): void {
    const grpc =
      this.head !== null && (header(this.head.headers, "content-type")?.startsWith("application/grpc") ?? false);
    const meshed = this.facts.tls.kind === "meshed";
    connection.answer(this.shared.options.errors.respond({ cause, message, grpc, meshed }));
  }
}

const refusals = {
  unauthorized: "The client is not authorized",
  "route-not-found": "No route matches the request",
  "rate-limited": "The rate limit is reached",
} as const;
