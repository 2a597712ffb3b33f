import type { MeshError } from "#lib/errors.ts";
import { header, type RequestHead, type ResponseHead } from "#wire/http1/head.ts";
import type { FailureCause, HttpCells } from "../http/ports.ts";
import type { ExchangeEnd, RequestControl, RequestHandler } from "../http/request-handler.ts";
import { endpointPool, type HttpVersion } from "./endpoint-connect.ts";
import { maxAttempts, type OutboundShared } from "./options.ts";
import type { Endpoint, HttpRoute, OutboundTarget, PickWaiter, RouteError } from "./ports.ts";

/**
 * Requests, one at a time (those of an HTTP/1 connection, or one of an HTTP/2 connection): route, pick an endpoint, send, report the outcome. Holds the
 * state of the request under way itself and is its own waiter, so that nothing is made per request.
 */
export class OutboundHttpSession implements RequestHandler, PickWaiter {
  private readonly shared: OutboundShared;
  private readonly target: OutboundTarget;
  private readonly version: HttpVersion;
  private readonly onOver: (error: MeshError | null) => void;
  private connection: RequestControl | null = null;
  private head: RequestHead | null = null;
  private route: HttpRoute | null = null;
  private endpoint: Endpoint | null = null;
  private cells: HttpCells | null = null;
  private counted = false;
  /** Why the answer is ours, if it is. */
  private error: RouteError | null = null;
  private startedAt = 0;
  private sentAt = 0;
  private attempts = 0;
  private lastError: MeshError | null = null;

  /** @param version what the requests came by, and go on by */
  constructor(
    shared: OutboundShared,
    target: OutboundTarget,
    version: HttpVersion,
    onOver: (error: MeshError | null) => void,
  ) {
    this.shared = shared;
    this.target = target;
    this.version = version;
    this.onOver = onOver;
  }

  onRequest(connection: RequestControl, head: RequestHead): void {
    const { shared } = this;
    this.connection = connection;
    this.head = head;
    this.counted = false;
    this.error = null;
    this.attempts = 0;
    this.lastError = null;
    this.startedAt = shared.options.clock.now();
    shared.inFlight++;
    const route = this.target.route(head);
    if (route.kind === "refuse") {
      this.route = null;
      this.cells = route.unrouted;
      this.fail(route.cause, route.message);
      return;
    }
    this.route = route;
    this.cells = route.unrouted;
    if (shared.inFlight > shared.options.maxInFlight) this.fail("load-shed", "Too many requests at a time");
    else this.pick(route);
  }

  private pick(route: HttpRoute): void {
    const endpoint = route.balancer.pick();
    if (endpoint !== null) {
      this.use(route, endpoint);
      return;
    }
    const outcome = route.balancer.wait(this);
    if (outcome !== "queued") this.refused(outcome);
  }

  private use(route: HttpRoute, endpoint: Endpoint): void {
    endpoint.started();
    this.endpoint = endpoint;
    this.cells = route.cells(endpoint);
    this.sentAt = this.shared.options.clock.now();
    const { connection } = this;
    if (connection === null) return;
    connection.authority = endpoint.authorityOverride;
    connection.send(endpointPool(this.shared, endpoint, this.version));
  }

  onEndpoint(endpoint: Endpoint): void {
    if (this.route !== null) this.use(this.route, endpoint);
    this.shared.http.flusher.run();
  }

  onRefused(cause: "failfast" | "load-shed"): void {
    this.refused(cause);
    this.shared.http.flusher.run();
  }

  private refused(cause: "failfast" | "load-shed"): void {
    // What kept every endpoint from being ready says more than that none was.
    const because = this.lastError === null ? "" : `: ${this.lastError.message}`;
    this.fail(cause, cause === "failfast" ? `No endpoint is ready${because}` : "The queue is full");
  }

  onUnsent(_connection: RequestControl, error: MeshError): void {
    const { route } = this;
    this.lastError = error;
    this.letGo(true);
    const { clock, dispatchTimeout } = this.shared.options;
    const spent = ++this.attempts >= maxAttempts || clock.now() - this.startedAt >= dispatchTimeout;
    if (route === null || spent) this.fail(causeOf(error), error.message);
    else this.pick(route);
  }

  onNoAnswer(_connection: RequestControl, error: MeshError): void {
    this.fail(error.code === "protocol" ? "bad-response" : "connect-failed", error.message);
  }

  onResponse(head: ResponseHead): void {
    this.count();
    this.endpoint?.responded(this.shared.options.clock.now() - this.sentAt, head.status);
  }

  onExchangeEnd(status: number, end: ExchangeEnd, grpcStatus: number): void {
    this.count();
    const latency = this.shared.options.clock.now() - this.startedAt;
    this.cells?.responseEnded(status, latency, end === "complete", grpcStatus);
    this.route?.requests.ended(status, grpcStatus, latency, end === "complete" ? this.error : errorOfEnd[end]);
    this.letGo(end === "broken");
    this.shared.inFlight--;
    this.head = null;
    this.route = null;
    this.cells = null;
  }

  onAbandoned(): void {
    this.route?.balancer.giveUp(this);
  }

  onClosed(error: MeshError | null): void {
    this.connection = null;
    this.onOver(error);
  }

  /** Counts the request with the cells that it ends with: an endpoint that could not be reached had no request. */
  private count(): void {
    if (this.counted) return;
    this.counted = true;
    this.cells?.requestStarted();
  }

  private letGo(failed: boolean): void {
    this.endpoint?.ended(failed);
    this.endpoint = null;
  }

  private fail(cause: FailureCause, message: string): void {
    this.error = errorOfCause[cause] ?? "UNKNOWN";
    const grpc =
      this.head !== null && (header(this.head.headers, "content-type")?.startsWith("application/grpc") ?? false);
    this.connection?.answer(this.shared.options.errors.respond({ cause, message, grpc, meshed: false }));
  }
}

const errorOfEnd = { broken: "RESET", "client-gone": "CANCEL" } as const;

const errorOfCause: Partial<Record<FailureCause, RouteError>> = {
  failfast: "FAIL_FAST",
  "load-shed": "LOAD_SHED",
  "request-timeout": "REQUEST_TIMEOUT",
  "connect-timeout": "IO",
  "connect-failed": "IO",
};

/** The answer's cause for an endpoint that could not be reached. */
export function causeOf(error: MeshError): FailureCause {
  if (error.code === "timeout") return "connect-timeout";
  return error.code === "tls-identity" ? "identity-required" : "connect-failed";
}
