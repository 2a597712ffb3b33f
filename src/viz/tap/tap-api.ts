/** The tap API: what exists (discovery), and live requests of pods for those who may see them. */
import type { Clock } from "#lib/clock.ts";
import { MeshError, asMeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Registry } from "#lib/metrics/registry.ts";
import type { Random } from "#lib/random.ts";
import { pathOnly } from "#wire/http1/head.ts";
import { readTapBody, readTapPath, tapGroup, tapPlurals, tapVersion, type TapRequest } from "../client/tap-request.ts";
import type { ResourceRef } from "../metrics/resource.ts";
import { remoteUser, type RemoteUser } from "./front-proxy.ts";
import type { Verdict } from "./access.ts";
import type { FrontRequest, FrontResponse } from "./front-server.ts";
import { podsFor, type TapPod, type TapPods, type TapService } from "./tap-pods.ts";
import { TapSession, type OpenObserve } from "./tap-session.ts";

/** Sessions at a time; one more is refused. Proxies themselves take 16 observers each. */
export const maxSessions = 64;

export interface TapApiOptions {
  readonly pods: TapPods;
  readonly services: ReadonlyMap<string, TapService>;
  readonly mayTap: (user: RemoteUser, resource: ResourceRef) => Promise<Verdict>;
  readonly open: OpenObserve;
  /** Lower-case names of header fields that nobody is told. */
  readonly ignoredHeaders: readonly string[];
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

interface Session {
  readonly request: TapRequest;
  readonly tap: TapSession;
}

export class TapApi {
  private readonly options: TapApiOptions;
  private readonly sessions = new Set<Session>();
  private readonly counts: (outcome: string) => void;
  private planned = false;

  constructor(options: TapApiOptions) {
    this.options = options;
    const requests = options.registry.counter("tap_api_requests_total", "Requests to look into pods, by outcome");
    this.counts = (outcome) => void requests.cell({ outcome }).value++;
    const open = options.registry.gauge("tap_api_sessions", "Clients that look into pods now");
    options.registry.onCollect(() => {
      open.cell().value = this.sessions.size;
    });
  }

  readonly handle = (request: FrontRequest, response: FrontResponse): void => {
    void this.answer(request, response).catch((thrown: unknown) => {
      const error = asMeshError(thrown, "Answering a tap request failed");
      const code = error.code === "invalid-argument" ? 400 : error.code === "not-found" ? 404 : 503;
      if (code === 503) this.options.log.warn("Answering a tap request failed", {}, error);
      else this.options.log.info("A tap request can't be served", { reason: error.message });
      this.refuse(response, code, error.message);
    });
  };

  private async answer(request: FrontRequest, response: FrontResponse): Promise<void> {
    const { head, front } = request;
    const path = pathOnly(head.path);
    const user = remoteUser(head.headers, front);
    if (user === null) {
      this.options.log.info("A request names no user", { path });
      this.refuse(response, 401, "The request names no user");
      return;
    }
    const document = head.method === "GET" ? discovery(path) : null;
    if (document !== null) {
      response.send(200, document);
      return;
    }
    const resource = readTapPath(path);
    if (resource === null) {
      this.refuse(response, 404, `There is no "${path}" in API group "${tapGroup}"`);
      return;
    }
    if (head.method !== "POST") {
      this.refuse(response, 405, "A tap request is a POST");
      return;
    }
    const verdict = await this.options.mayTap(user, resource);
    const what = { user: user.name, kind: resource.kind, namespace: resource.namespace, name: resource.name };
    if (!verdict.allowed) {
      this.options.log.warn("Tap was refused", what);
      this.refuse(response, 403, `${tapGroup} is forbidden: ${verdict.message}`);
      return;
    }
    this.start(readTapBody(resource, parse(request.body)), request, response, what);
  }

  private start(
    request: TapRequest,
    { signal }: FrontRequest,
    response: FrontResponse,
    what: Readonly<Record<string, string | null>>,
  ): void {
    if (signal.aborted) return;
    if (this.sessions.size >= maxSessions) {
      this.refuse(response, 429, `There are ${maxSessions} taps already; end one`);
      return;
    }
    const { pods, services, log } = this.options;
    const found = podsFor(request, pods.all, services);
    assertSome(request, found);
    this.counts("accepted");
    log.info("Tap", what);
    const stream = response.stream(200, "application/x-ndjson");
    const ignored = new Set(this.options.ignoredHeaders);
    const tap = new TapSession({
      ...this.options,
      request,
      labelsOf: (ip) => pods.labelsOf(ip),
      tellsHeader: (name) => !ignored.has(name),
      output: {
        get queued() {
          return stream.queued;
        },
        write: (line) => stream.write(line),
        fail: () => stream.fail(),
      },
    });
    const session = { request, tap };
    this.sessions.add(session);
    const disabled = found.filter(({ tap: state }) => state === "disabled");
    if (disabled.length > 0) {
      const line = { note: `${disabled.length} of ${found.length} pods can't be looked into: ${restart}` };
      stream.write(`${JSON.stringify(line)}\n`);
    }
    tap.use(found);
    signal.addEventListener("abort", () => {
      this.sessions.delete(session);
      tap.end();
      log.info("Tap ended", { ...what, requests: tap.count });
    });
  }

  /** Pods or Services changed: sessions follow, once for many changes. */
  changed(): void {
    if (this.planned || this.sessions.size === 0) return;
    this.planned = true;
    this.options.clock.after(200, () => {
      this.planned = false;
      const { pods, services } = this.options;
      for (const { request, tap } of this.sessions) tap.use(podsFor(request, pods.all, services));
    });
  }

  private refuse(response: FrontResponse, code: number, message: string): void {
    this.counts(code === 403 || code === 401 ? "refused" : "failed");
    response.send(code, {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message,
      reason: statusReasons[code] ?? "InternalError",
      code,
    });
  }
}

const statusReasons: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  405: "MethodNotAllowed",
  429: "TooManyRequests",
  503: "ServiceUnavailable",
};

const restart = "their proxies were started before tap was installed, or with it disabled; restart their workloads";

function assertSome({ resource }: TapRequest, found: readonly TapPod[]): void {
  const { kind, name, namespace } = resource;
  const what = `${kind}${name === null ? "s" : ` "${name}"`}${namespace === null ? "" : ` in namespace "${namespace}"`}`;
  if (found.length === 0) throw new MeshError("not-found", `No running pod belongs to ${what}`);
  if (found.some(({ tap }) => tap === "enabled")) return;
  const meshed = found.some(({ tap }) => tap === "disabled");
  throw new MeshError(
    "invalid-argument",
    meshed
      ? `None of the ${found.length} pods of ${what} can be looked into: ${restart}`
      : `None of the ${found.length} pods of ${what} has a proxy`,
  );
}

function parse(body: string): unknown {
  if (body.trim() === "") return {};
  try {
    return JSON.parse(body) as unknown;
  } catch (thrown) {
    throw new MeshError("invalid-argument", "The tap request's body is no JSON", { cause: thrown });
  }
}

const groupVersion = `${tapGroup}/${tapVersion}`;

/** Kubernetes' discovery documents; null: the path is none of them. */
function discovery(path: string): object | null {
  const versions = [{ groupVersion, version: tapVersion }];
  const group = { name: tapGroup, versions, preferredVersion: versions[0] };
  switch (path) {
    case "/apis":
      return { kind: "APIGroupList", apiVersion: "v1", groups: [group] };
    case `/apis/${tapGroup}`:
      return { kind: "APIGroup", apiVersion: "v1", ...group };
    case `/apis/${groupVersion}`:
      return { kind: "APIResourceList", apiVersion: "v1", groupVersion, resources: resourceList };
    case "/healthz":
    case "/livez":
    case "/readyz":
      return { status: "ok" };
    default:
      return null;
  }
}

const resourceList = [...tapPlurals].flatMap(([kind, plural]) =>
  [plural, `${plural}/tap`].map((name) => ({
    name,
    singularName: name.includes("/") ? "" : kind,
    namespaced: kind !== "namespace",
    kind: "Tap",
    verbs: ["watch"],
  })),
);
