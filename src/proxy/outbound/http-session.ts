import type { Timer } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import { header, isGrpc, type RequestHead, type ResponseHead } from "#wire/http1/head.ts";
import { affinityKey, noKey } from "../balance/affinity.ts";
import { draw, type FaultEnd } from "../faults/fault.ts";
import { throttled } from "../faults/throttle.ts";
import { grpcStatusOf } from "../http/h2/heads.ts";
import { changeRequest } from "../http/edit-head.ts";
import type { Downstream } from "../http/exchange.ts";
import type { ErrorAnswer, Failure, FailureCause, HttpCells } from "../http/ports.ts";
import { headToGoOn, type RequestWatch, type RequestWatcher } from "../http/request-watch.ts";
import type { ExchangeEnd, RequestControl, RequestHandler } from "../http/request-handler.ts";
import { errorOfCause, errorOfEnd } from "../http/stream-error.ts";
import { discourages, grpcTimeout, pauseAskedFor } from "../route/rule.ts";
import { clientTlsLabels } from "../telemetry/labels.ts";
import { endpointPool, type HttpVersion } from "./endpoint-connect.ts";
import { GuardedRequest, type GuardOwner } from "./guarded-request.ts";
import { maxMirrors, MirroredRequest } from "./mirrored-request.ts";
import { withOverrides } from "./request-overrides.ts";
import { maxAttempts, type OutboundShared } from "./options.ts";
import type {
  Endpoint,
  HttpRefusal,
  HttpRoute,
  Outcome,
  OutboundTarget,
  PickWaiter,
  ProfileCells,
  RouteCells,
  RouteError,
  RouteExtras,
} from "./ports.ts";

/** Where requests come from, shared by all of one connection. */
export interface RequestSource {
  readonly shared: OutboundShared;
  readonly target: OutboundTarget;
  readonly client: SocketAddr;
  /** What the requests came by, and go on by. */
  readonly version: HttpVersion;
  /** A connection of HTTP/1 is over. */
  readonly onOver: (error: MeshError | null) => void;
  /** Our identity, when they came from a peer to be passed on by name; else null. */
  readonly gateway: string | null;
}

/** What only requests of routes with extras need. */
class ExtraState {
  /** After the route's changes; null: as it came. */
  sent: RequestHead | null = null;
  profile: ProfileCells | null = null;
  /** Only while a request needs one. */
  guard: GuardedRequest | null = null;
  /** Of the clock. */
  deadline = never;
  /** Of a fault: until the request goes on, and how fast its response may come, bytes per second; 0: as it comes. */
  held: Timer | null = null;
  rate = 0;
}

/**
 * Requests, one at a time (those of an HTTP/1 connection, or one of an HTTP/2 connection): route, pick an endpoint, send, report the outcome. Holds the
 * state of the request under way itself and is its own waiter, so that nothing is made per request.
 *
 * It has 18 fields, for which the runtime takes 160 bytes; one more would make it 256, and there may be ten thousand of them.
 */
export class OutboundHttpSession implements RequestHandler, PickWaiter, GuardOwner {
  private readonly source: RequestSource;
  private connection: RequestControl | null = null;
  private head: RequestHead | null = null;
  private route: HttpRoute | null = null;
  private requests: RouteCells | null = null;
  /** Null: nobody looks. */
  private watch: RequestWatch | null = null;
  private extra: ExtraState | null = null;
  /** The answer of ours that waits for the connection to let go. */
  private pending: PendingAnswer | null = null;
  private endpoint: Endpoint | null = null;
  private cells: HttpCells | null = null;
  private counted = false;
  /** By the server. */
  private answered = false;
  /** Why the answer is ours, if it is. */
  private error: RouteError | null = null;
  private startedAt = 0;
  private sentAt = 0;
  private attempts = 0;
  private lastError: MeshError | null = null;
  /** Of requests that belong together; a further try of one goes elsewhere. */
  affinityKey = noKey;

  constructor(source: RequestSource) {
    this.source = source;
  }

  private get shared(): OutboundShared {
    return this.source.shared;
  }

  onRequest(connection: RequestControl, received: RequestHead): void {
    const { shared } = this;
    const head =
      shared.watchers.current === null ? received : this.beginWatch(shared.watchers.current, connection, received);
    this.connection = connection;
    this.head = head;
    this.counted = false;
    this.answered = false;
    this.error = null;
    this.attempts = 0;
    this.lastError = null;
    this.startedAt = shared.options.clock.now();
    shared.inFlight++;
    const route = this.source.target.route(head);
    this.cells = route.unrouted;
    this.requests = route.requests?.of(head.authority) ?? null;
    if (shared.inFlight > shared.options.maxInFlight) this.fail("load-shed", "Too many requests at a time");
    else if (this.source.gateway !== null && hasBeenAt(this.source.gateway, head))
      this.fail("gateway-loop", "The request has been at this gateway before");
    else if (route.extras === null) this.follow(route);
    else this.begin(route, route.extras.overridable ? withOverrides(route.extras, head) : route.extras, head);
  }

  /** The head to go on with. */
  private beginWatch(watcher: RequestWatcher, connection: RequestControl, head: RequestHead): RequestHead {
    const { client, target } = this.source;
    this.watch = watcher.begin(head, { direction: "outbound", client, target: target.addr, labels: {} });
    return headToGoOn(this.watch, connection, head);
  }

  private follow(route: HttpRoute | HttpRefusal): void {
    if (route.kind === "refuse") {
      this.refuse(route);
      return;
    }
    this.route = route;
    const affinity = route.balancer.affinity ?? null;
    if (affinity !== null) this.affinityKey = affinityKey(affinity, this.head, this.source.client.ip);
    this.pick(route);
  }

  private refuse({ cause, message, status }: HttpRefusal): void {
    this.fail(cause, message, status);
  }

  private begin(route: HttpRoute | HttpRefusal, extras: RouteExtras, head: RequestHead): void {
    const grpc = isGrpc(head);
    const own = extras.timeouts.request;
    const asked = grpc && extras.guarded ? grpcTimeout(header(head.headers, "grpc-timeout")) : 0;
    const extra = (this.extra = new ExtraState());
    extra.deadline = this.startedAt + Math.min(own > 0 ? own : never, asked > 0 ? asked : never);
    extra.profile = extras.profile;
    extra.profile?.effective.requestStarted();
    if (!this.filter(extra, extras, head)) return;
    if (route.kind === "forward" && extras.guarded) {
      const { replay } = this.shared;
      const { clock, random } = this.shared.options;
      const flush = (): void => this.shared.http.flusher.run();
      extras.budget.deposit();
      extra.guard = new GuardedRequest(this, extras, grpc, extra.deadline, {
        clock,
        random,
        budget: extras.budget,
        replay,
        flush,
      });
    }
    if (extras.faults.length === 0 || !this.holds(extra, route, extras, head)) this.follow(route);
  }

  /** Whether a fault keeps the request from going on now. */
  private holds(extra: ExtraState, route: HttpRoute | HttpRefusal, extras: RouteExtras, head: RequestHead): boolean {
    const { clock, random } = this.shared.options;
    const drawn = draw(extras.faults, head, random);
    if (drawn === null) return false;
    for (const kind of drawn.kinds) extras.faultCells?.injected(kind);
    extra.rate = drawn.rate;
    const { end, delay } = drawn;
    if (delay > 0) {
      extra.held = clock.after(delay, () => {
        extra.held = null;
        if (end === null) this.follow(route);
        else this.faulted(end);
        this.shared.http.flusher.run();
      });
      return true;
    }
    if (end !== null) this.faulted(end);
    return end !== null;
  }

  private faulted(end: FaultEnd): void {
    if (end.kind === "reset") this.connection?.reset();
    else this.fail("injected", end.message, { http: end.status, grpc: end.grpc });
  }

  /** Whether the request goes on; else it was answered. */
  private filter(extra: ExtraState, extras: RouteExtras, head: RequestHead): boolean {
    let sent = head;
    for (const chain of extras.filters) {
      const filtered = chain.apply(sent, "http", this.shared.options.random);
      if (filtered.kind === "redirect") {
        this.letClientGo({
          answer: { status: filtered.status, headers: ["location", filtered.location], close: false },
        });
        return false;
      }
      if (filtered.kind === "failure") {
        this.fail("injected", filtered.message, { http: filtered.status, grpc: filtered.grpc });
        return false;
      }
      if (filtered.changes !== null) sent = changeRequest(sent, filtered.changes);
    }
    extra.sent = sent;
    const { deadline } = extra;
    this.connection?.replace(deadline < never && isGrpc(head) ? this.withDeadline(sent, deadline) : sent);
    return true;
  }

  /** After a wait: the server is told what is left of a deadline, and asked nothing when that is over. */
  private inTime(head: RequestHead): boolean {
    const asked = isGrpc(head) ? grpcTimeout(header(head.headers, "grpc-timeout")) : 0;
    if (asked === 0) return true;
    const deadline = Math.min(this.extra?.deadline ?? never, this.startedAt + asked);
    if (this.extra !== null) this.extra.deadline = deadline;
    if (deadline <= this.shared.options.clock.now()) {
      this.fail("request-timeout", "The request's deadline is over", null, "REQUEST_TIMEOUT");
      return false;
    }
    this.connection?.replace(this.withDeadline(this.extra?.sent ?? head, deadline));
    return true;
  }

  /** What is left of the time, for the server. */
  private withDeadline(head: RequestHead, deadline: number): RequestHead {
    const left = Math.max(1, Math.min(99_999_999, Math.floor(deadline - this.shared.options.clock.now())));
    const changes = { set: ["grpc-timeout", `${left}m`], add: [], remove: new Set<string>() };
    return changeRequest(head, { headers: [changes], path: null, authority: null, known: new WeakMap() });
  }

  // --- tries

  mirror(client: Downstream): readonly MirroredRequest[] {
    const { shared } = this;
    const out: MirroredRequest[] = [];
    for (const { ratio, route } of this.route?.extras?.mirrors ?? []) {
      if (shared.mirrors >= maxMirrors || (ratio < 1 && shared.options.random.next() >= ratio)) continue;
      out.push(new MirroredRequest(client, route, (to) => endpointPool(shared, to, this.versionFor(to)), shared));
    }
    return out;
  }

  onTryAgain(): void {
    const { head, route } = this;
    const extras = route?.extras ?? null;
    if (head === null || extras === null) return;
    const again = extras.again();
    this.requests = again.requests?.of(head.authority) ?? null;
    this.cells = again.unrouted;
    const extra = (this.extra ??= new ExtraState());
    if (again.extras !== null && !this.filter(extra, again.extras, head)) return;
    if (again.kind === "refuse") this.refuse(again);
    else {
      this.route = again;
      this.affinityKey = noKey;
      this.pick(again);
    }
    this.shared.http.flusher.run();
  }

  onTryEnded(status: number, grpcStatus: number, wanted: number): void {
    const latency = this.shared.options.clock.now() - this.sentAt;
    this.endpoint?.hinted?.(discourages(status, grpcStatus), wanted);
    if (status > 0) this.endpoint?.responded(latency, status);
    this.count();
    this.cells?.responseEnded(status, latency, status > 0, grpcStatus);
    const profile = this.extra?.profile ?? null;
    profile?.actual.requestStarted();
    profile?.actual.responseEnded(status, latency, status > 0, grpcStatus);
    this.requests?.tried(status, grpcStatus, latency, status > 0 ? null : "RESPONSE_HEADERS_TIMEOUT");
    this.endpoint?.judged(status === 0 ? "failure" : outcomeOf(status, grpcStatus));
    this.letGo(status === 0);
    this.counted = false;
  }

  onTryUnsent(error: MeshError): void {
    this.unsent(error);
  }

  onExpired(error: RouteError): void {
    this.route?.balancer.giveUp(this);
    this.endpoint?.judged("failure");
    this.fail("request-timeout", expired[error] ?? "The request took too long", null, error);
  }

  onCut(error: RouteError): void {
    this.error = error;
  }

  private pick(route: HttpRoute): void {
    const endpoint = route.balancer.pick(this.affinityKey);
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
    if (this.watch !== null) this.tellWhere(this.watch, endpoint, route);
    const { connection } = this;
    if (connection === null) return;
    connection.authority = endpoint.authorityOverride;
    let pool = endpointPool(this.shared, endpoint, this.versionFor(endpoint));
    const { extra } = this;
    if (extra !== null && extra.rate > 0) {
      const { http, options } = this.shared;
      pool = throttled(pool, extra.rate, { clock: options.clock, flush: () => http.flusher.run() });
    }
    if (extra === null || extra.guard === null) connection.send(pool);
    else extra.guard.send(pool, connection);
  }

  private tellWhere(watch: RequestWatch, { addr, tls, info }: Endpoint, route: HttpRoute): void {
    const labels = clientTlsLabels(tls, this.shared.options.credentials !== null);
    watch.sending(addr, { ...info?.labels, ...labels }, route.labels ?? {});
  }

  /** A request that may become a tunnel stays one of HTTP/1. */
  private versionFor({ takesHttp2 }: Endpoint): HttpVersion {
    const { head } = this;
    const { version, shared } = this.source;
    if (version === "http2" || shared.options.upgradeHttp1 !== true || !takesHttp2 || head === null) return version;
    return head.upgrade === null && head.method !== "CONNECT" ? "http2" : "http1";
  }

  onEndpoint(endpoint: Endpoint): void {
    const { head, route } = this;
    if (head !== null && route !== null && this.inTime(head)) this.use(route, endpoint);
    this.shared.http.flusher.run();
  }

  onRefused(cause: "failfast" | "load-shed"): void {
    this.refused(cause);
    this.shared.http.flusher.run();
  }

  private refused(cause: "failfast" | "load-shed"): void {
    // Another backend of the route may have what this one has not. A full queue would only be fuller.
    if (cause === "failfast" && this.extra?.guard?.tryElsewhere() === true) {
      this.requests?.tried(0, -1, this.shared.options.clock.now() - this.startedAt, "FAIL_FAST");
      return;
    }
    // What kept every endpoint from being ready says more than that none was.
    const because = this.lastError === null ? "" : `: ${this.lastError.message}`;
    this.fail(cause, cause === "failfast" ? `No endpoint is ready${because}` : "The queue is full");
  }

  onUnsent(_connection: RequestControl, error: MeshError): void {
    if (this.pending === null) this.unsent(error);
    else this.answerPending(this.pending);
  }

  private unsent(error: MeshError): void {
    const { route } = this;
    this.lastError = error;
    this.letGo(true);
    const { clock, dispatchTimeout } = this.shared.options;
    const spent = ++this.attempts >= maxAttempts || clock.now() - this.startedAt >= dispatchTimeout;
    if (route === null || spent) this.fail(causeOf(error), error.message);
    else this.pick(route);
  }

  onNoAnswer(_connection: RequestControl, error: MeshError): void {
    if (this.pending !== null) {
      this.answerPending(this.pending);
      return;
    }
    this.endpoint?.judged("failure");
    this.fail(error.code === "protocol" ? "bad-response" : "connect-failed", error.message);
  }

  onResponse(head: ResponseHead): void {
    this.answered = true;
    this.count();
    this.watch?.responded(head);
    const { endpoint } = this;
    if (endpoint === null) return;
    if (endpoint.wantsHints === true) {
      const { status, headers } = head;
      const wall = this.shared.options.clock.wall();
      endpoint.hinted?.(discourages(status, grpcStatusOf(headers)), pauseAskedFor(headers, wall) ?? 0);
    }
    endpoint.responded(this.shared.options.clock.now() - this.sentAt, head.status);
  }

  onRequestBody(bytes: number): void {
    this.requests?.requestFrame(bytes);
  }

  onResponseBody(bytes: number): void {
    this.requests?.responseFrame(bytes);
    this.watch?.responseBody(bytes);
  }

  onExchangeEnd(status: number, end: ExchangeEnd, grpcStatus: number): void {
    this.count();
    const latency = this.shared.options.clock.now() - this.startedAt;
    this.cells?.responseEnded(status, latency, end === "complete", grpcStatus);
    this.requests?.ended(status, grpcStatus, latency, this.error ?? errorOfEnd(end));
    const { extra } = this;
    const profile = extra === null ? null : extra.profile;
    if (profile !== null) {
      profile.effective.responseEnded(status, latency, end === "complete", grpcStatus);
      profile.actual.requestStarted();
      profile.actual.responseEnded(status, latency, end === "complete", grpcStatus);
    }
    if (this.answered && end !== "client-gone")
      this.endpoint?.judged(end === "broken" ? "failure" : outcomeOf(status, grpcStatus));
    this.letGo(end === "broken");
    if (this.watch !== null) {
      this.watch.ended(status, end, grpcStatus);
      this.watch = null;
    }
    this.shared.inFlight--;
    extra?.held?.cancel();
    this.extra = null;
    this.affinityKey = noKey;
    this.head = null;
    this.route = null;
    this.requests = null;
    this.cells = null;
    this.pending = null;
    extra?.guard?.close();
  }

  onAbandoned(): void {
    this.route?.balancer.giveUp(this);
  }

  onClosed(error: MeshError | null): void {
    this.connection = null;
    this.source.onOver(error);
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

  private fail(
    cause: FailureCause,
    message: string,
    status: Failure["status"] | null = null,
    error?: RouteError,
  ): void {
    this.error = error ?? errorOfCause(cause);
    const grpc = this.head !== null && isGrpc(this.head);
    const failure = { cause, message, grpc, meshed: false, ...(status && { status }) };
    this.letClientGo({ answer: this.shared.options.errors.respond(failure) });
  }

  /** Answers, as soon as the connection has let go of what serves the request. */
  private letClientGo(pending: PendingAnswer): void {
    const guard = this.extra?.guard ?? null;
    this.pending = pending;
    // It calls `onNoAnswer` or `onUnsent`, where the answer is given.
    if (guard === null || !guard.giveUp(new MeshError("cancelled", "The request is answered by the proxy")))
      this.answerPending(pending);
  }

  private answerPending({ answer }: PendingAnswer): void {
    this.pending = null;
    this.connection?.answer(answer);
  }
}

interface PendingAnswer {
  readonly answer: ErrorAnswer;
}

/** Whether a gateway of this identity has passed the request on (Forwarded, RFC 7239). */
function hasBeenAt(identity: string, { headers }: RequestHead): boolean {
  for (let at = 0; at < headers.length; at += 2)
    if (headers[at] === "forwarded" && (headers[at + 1] ?? "").toLowerCase().includes(`by="${identity}"`)) return true;
  return false;
}

/** gRPC's UNKNOWN, DEADLINE_EXCEEDED, PERMISSION_DENIED, INTERNAL, UNAVAILABLE and DATA_LOSS, as Linkerd's failure accrual has it. */
const grpcFailures: ReadonlySet<number> = new Set([2, 4, 7, 13, 14, 15]);

const resourceExhausted = 8;

function outcomeOf(status: number, grpcStatus: number): Outcome {
  if (status === 429 || grpcStatus === resourceExhausted) return "limited";
  const failed = grpcStatus < 0 ? status >= 500 : grpcFailures.has(grpcStatus);
  return failed ? "failure" : "success";
}

const expired: Partial<Record<RouteError, string>> = {
  IDLE_TIMEOUT: "The stream was idle for too long",
  RESPONSE_STREAM_TIMEOUT: "The response took too long",
};

/** ms */
const never = Number.POSITIVE_INFINITY;

/** The answer's cause for an endpoint that could not be reached. */
export function causeOf(error: MeshError): FailureCause {
  if (error.code === "timeout") return "connect-timeout";
  return error.code === "tls-identity" ? "identity-required" : "connect-failed";
}
