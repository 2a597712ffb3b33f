import type { MeshError } from "#lib/errors.ts";
import { isGrpc, type RequestHead, type ResponseHead } from "#wire/http1/head.ts";
import { changeRequest } from "../http/edit-head.ts";
import { BlockRequest, origProto, restoredRequest } from "../http/h2/heads.ts";
import type { Failure, FailureCause, HttpCells } from "../http/ports.ts";
import type { ExchangeEnd, RequestControl, RequestHandler } from "../http/request-handler.ts";
import { headToGoOn, type RequestWatch, type RequestWatcher } from "../http/request-watch.ts";
import { errorOfCause, errorOfEnd, type StreamError } from "../http/stream-error.ts";
import { serverTlsLabels } from "../telemetry/labels.ts";
import type { AppPool } from "./app-pools.ts";
import type { InboundShared } from "./options.ts";
import type { InboundConnection, InboundRouteCells, PortPolicy, RequestFilters } from "./ports.ts";

/** Where requests come from and go to, shared by all of one connection. */
export interface RequestSource {
  readonly shared: InboundShared;
  readonly facts: InboundConnection;
  readonly policy: PortPolicy;
  readonly pool: AppPool;
  /** A connection of HTTP/1 is over. */
  readonly onOver: (error: MeshError | null) => void;
}

/**
 * Requests, one at a time (those of an HTTP/1 connection, or one of an HTTP/2 connection): authorize each, send it to the application, report the outcome.
 * With eight fields it takes 80 bytes, with more it would take 160, and there may be ten thousand of them.
 */
export class InboundHttpSession implements RequestHandler {
  private readonly source: RequestSource;
  private head: RequestHead | null = null;
  private cells: HttpCells | null = null;
  private requests: InboundRouteCells | null = null;
  /** Null: nobody looks. */
  private watch: RequestWatch | null = null;
  /** Why the answer is ours, if it is. */
  private error: StreamError | null = null;
  private startedAt = 0;
  /** 0: there was no response of the application. */
  private respondedAt = 0;

  constructor(source: RequestSource) {
    this.source = source;
  }

  onRequest(connection: RequestControl, received: RequestHead): void {
    const { shared, facts, policy, pool } = this.source;
    const head =
      shared.watchers.current === null ? received : this.beginWatch(shared.watchers.current, connection, received);
    this.head = head;
    this.startedAt = shared.options.clock.now();
    shared.inFlight++;
    const verdict = policy.authorizeRequest(facts, head);
    this.cells = verdict.http;
    this.requests = verdict.requests;
    this.error = null;
    this.respondedAt = 0;
    verdict.requests?.started();
    this.watch?.sending(facts.target, nothing, verdict.route ?? nothing);
    verdict.http.requestStarted();
    if (verdict.kind !== "allow") {
      const { challenge } = verdict;
      this.fail(connection, verdict.kind, challenge?.why ?? refusals[verdict.kind], undefined, challenge?.header);
    } else if (shared.inFlight > shared.options.maxInFlight) {
      this.fail(connection, "load-shed", "Too many requests at a time");
    } else if (verdict.filters === null || this.filter(connection, head, verdict.filters)) {
      if (!(head instanceof BlockRequest)) connection.send(pool.http1);
      else if (!this.broughtByHttp2(head)) connection.send(pool.http2);
      else {
        // What filters have changed has no old form.
        const restored = verdict.filters === null ? restoredRequest(head) : null;
        if (restored !== null) connection.replace(restored);
        connection.send(pool.http1);
      }
    }
  }

  /** The head to go on with. */
  private beginWatch(watcher: RequestWatcher, connection: RequestControl, head: RequestHead): RequestHead {
    const { client, target, tls } = this.source.facts;
    this.watch = watcher.begin(head, { direction: "inbound", client, target, labels: serverTlsLabels(tls) });
    return headToGoOn(this.watch, connection, head);
  }

  /** Whether the request goes on; else it was answered. */
  private filter(connection: RequestControl, head: RequestHead, filters: RequestFilters): boolean {
    const filtered = filters.apply(head, "http");
    switch (filtered.kind) {
      case "pass":
        if (filtered.changes !== null) connection.replace(changeRequest(head, filtered.changes));
        return true;
      case "redirect":
        connection.answer({ status: filtered.status, headers: ["location", filtered.location], close: false });
        return false;
      case "failure":
        this.fail(connection, "injected", filtered.message, { http: filtered.status, grpc: filtered.grpc });
        return false;
    }
  }

  /** A peer of the mesh may bring requests of HTTP/1 by HTTP/2, and says so. */
  private broughtByHttp2(head: BlockRequest): boolean {
    return this.source.facts.tls.kind === "meshed" && head.block.get(origProto) !== null;
  }

  onUnsent(connection: RequestControl, error: MeshError): void {
    this.fail(connection, error.code === "timeout" ? "connect-timeout" : "connect-failed", error.message);
  }

  onNoAnswer(connection: RequestControl, error: MeshError): void {
    this.fail(connection, error.code === "protocol" ? "bad-response" : "connect-failed", error.message);
  }

  onResponse(head: ResponseHead): void {
    this.respondedAt = this.source.shared.options.clock.now();
    this.watch?.responded(head);
  }

  onRequestBody(bytes: number): void {
    this.requests?.requestFrame(bytes);
  }

  onResponseBody(bytes: number): void {
    this.requests?.responseFrame(bytes);
    this.watch?.responseBody(bytes);
  }

  onExchangeEnd(status: number, end: ExchangeEnd, grpcStatus: number): void {
    const now = this.source.shared.options.clock.now();
    this.cells?.responseEnded(status, now - this.startedAt, end === "complete", grpcStatus);
    const responseTime = this.respondedAt === 0 ? null : now - this.respondedAt;
    this.requests?.ended(status, grpcStatus, now - this.startedAt, responseTime, this.error ?? errorOfEnd(end));
    if (this.watch !== null) {
      this.watch.ended(status, end, grpcStatus);
      this.watch = null;
    }
    this.source.shared.inFlight--;
    this.head = null;
    this.cells = null;
    this.requests = null;
  }

  onAbandoned(): void {}

  onClosed(error: MeshError | null): void {
    this.source.onOver(error);
  }

  private fail(
    connection: RequestControl,
    cause: FailureCause,
    message: string,
    status?: Failure["status"],
    challenge?: string,
  ): void {
    // What policy refuses is told by its status.
    this.error = cause in refusals ? null : errorOfCause(cause);
    const grpc = this.head !== null && isGrpc(this.head);
    const meshed = this.source.facts.tls.kind === "meshed";
    const more = { ...(status && { status }), ...(challenge !== undefined && { challenge }) };
    connection.answer(this.source.shared.options.errors.respond({ cause, message, grpc, meshed, ...more }));
  }
}

const nothing = {};

const refusals = {
  unauthenticated: "The request has no token",
  unauthorized: "The client is not authorized",
  "route-not-found": "No route matches the request",
  "rate-limited": "The rate limit is reached",
} as const;
