/**
 * The server side of admission webhooks: HTTPS (TLS 1.3) in, AdmissionReview in and out.
 *
 * What is malformed is answered with 400. A decision that fails is answered with 500, so that the webhook configuration's
 * failurePolicy decides; only a decision that was made is answered with 200.
 * https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#webhook-request-and-response
 */
import { MeshError, asMeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import { type ReadonlyWatchable, Watchable } from "#lib/watchable.ts";
import type { AdmissionDecision, AdmissionRequest } from "./types/admission.ts";

export interface KeyPair {
  /** PEM, leaf first. */
  readonly certPem: string;
  /** PEM. */
  readonly keyPem: string;
}

export type AdmissionHandler = (request: AdmissionRequest) => AdmissionDecision | Promise<AdmissionDecision>;

export interface WebhookOptions {
  /** Address to listen on; default "::", which takes IPv4 too. */
  readonly ip?: string;
  /** 0: any free port. */
  readonly port: number;
  /**
   * The serving certificate; nothing is served while it is null. A new value serves new connections; one that can't be used
   * is logged and the old one kept.
   */
  readonly certificate: ReadonlyWatchable<KeyPair | null>;
  /** By exact path, e.g. "/". */
  readonly routes: Readonly<Record<string, AdmissionHandler>>;
  readonly log: Log;
}

export interface WebhookServer {
  /** As asked for, or which one it is once it serves. */
  readonly port: number;
  readonly serving: ReadonlyWatchable<boolean>;
  /** Finishes what is in flight and closes. */
  stop(): Promise<void>;
}

/** Bytes of a review: twice Kubernetes' limit of an object (old and new one), with room. */
const bodyLimit = 8 * 1024 * 1024;
/** The number by which OpenSSL knows TLS 1.3. */
const tls13 = 0x0304;

export function serveWebhook(options: WebhookOptions): WebhookServer {
  let port = options.port;
  const listen = (pair: KeyPair): Bun.Server<undefined> => {
    const tls: Bun.TLSOptions & { minVersion: number } = { cert: pair.certPem, key: pair.keyPem, minVersion: tls13 };
    try {
      return Bun.serve({
        hostname: options.ip ?? "::",
        port,
        // A new certificate needs a new listener; both share the port for a moment.
        reusePort: true,
        maxRequestBodySize: bodyLimit,
        idleTimeout: 120,
        tls,
        fetch: (request) => answer(request, options),
        error: (thrown) => {
          options.log.error("Answering an admission request failed", {}, thrown);
          return new Response("Answering failed", { status: 500 });
        },
      });
    } catch (thrown) {
      const message = thrown instanceof Error ? thrown.message : String(thrown);
      const code = /in use|EADDRINUSE/i.test(message) ? "address-in-use" : "invalid-argument";
      throw new MeshError(code, `Failed to serve webhooks on port ${port}: ${message}`, { cause: thrown });
    }
  };
  let server: Bun.Server<undefined> | null = null;
  const serving = new Watchable(false);
  const use = (pair: KeyPair): void => {
    const next = listen(pair);
    void server?.stop(false);
    server = next;
    port = next.port ?? port;
    if (!serving.get()) serving.set(true);
  };
  const first = options.certificate.get();
  if (first !== null) use(first);
  const unwatch = options.certificate.watch((pair) => {
    if (pair === null) return;
    try {
      use(pair);
      options.log.info("Serving webhooks with a new certificate");
    } catch (thrown) {
      options.log.error("The new webhook certificate can't be used, keeping the old one", {}, thrown);
    }
  });
  return {
    get port() {
      return port;
    },
    serving,
    async stop() {
      unwatch();
      await server?.stop(false);
    },
  };
}

async function answer(request: Request, options: WebhookOptions): Promise<Response> {
  const path = new URL(request.url).pathname;
  const handler = Object.hasOwn(options.routes, path) ? options.routes[path] : undefined;
  if (handler === undefined) return new Response(`No webhook at "${path}"\n`, { status: 404 });
  if (request.method !== "POST")
    return new Response("Only POST is possible\n", { status: 405, headers: { allow: "POST" } });
  let review: AdmissionRequest;
  try {
    review = parseReview(await request.text());
  } catch (thrown) {
    const error = asMeshError(thrown, "Reading an AdmissionReview failed");
    options.log.warn("Refused a malformed AdmissionReview", {}, error);
    return new Response(`${error.message}\n`, { status: 400 });
  }
  try {
    return Response.json(reviewResponse(review.uid, await handler(review)));
  } catch (thrown) {
    options.log.error("Deciding an admission failed", { kind: review.kind.kind, namespace: review.namespace }, thrown);
    const error = asMeshError(thrown, "Deciding an admission failed");
    return new Response(`${error.message}\n`, { status: 500 });
  }
}

/** The request of an AdmissionReview. Throws "invalid-argument" naming what is missing. */
export function parseReview(text: string): AdmissionRequest {
  let review: { apiVersion?: unknown; kind?: unknown; request?: unknown } | null;
  try {
    review = JSON.parse(text) as typeof review;
  } catch (thrown) {
    throw new MeshError("invalid-argument", "The AdmissionReview is no JSON", { cause: thrown });
  }
  if (typeof review !== "object" || review === null || review.kind !== "AdmissionReview") {
    throw new MeshError("invalid-argument", "The body is no AdmissionReview");
  }
  if (review.apiVersion !== "admission.k8s.io/v1") {
    throw new MeshError("invalid-argument", `AdmissionReview version "${String(review.apiVersion)}" is not supported`);
  }
  const request = review.request as Partial<AdmissionRequest> | null | undefined;
  if (typeof request !== "object" || request === null) {
    throw new MeshError("invalid-argument", "The AdmissionReview has no request");
  }
  if (typeof request.uid !== "string" || request.uid === "") {
    throw new MeshError("invalid-argument", "The AdmissionReview's request has no uid");
  }
  if (typeof request.kind?.kind !== "string" || typeof request.resource?.resource !== "string") {
    throw new MeshError("invalid-argument", "The AdmissionReview's request names no kind and resource");
  }
  for (const key of ["operation", "name", "namespace"] as const) {
    if (request[key] !== undefined && typeof request[key] !== "string") {
      throw new MeshError("invalid-argument", `The AdmissionReview's "${key}" is no text`);
    }
  }
  const object: unknown = request.object ?? null;
  if (typeof object !== "object" || Array.isArray(object)) {
    throw new MeshError("invalid-argument", "The AdmissionReview's object is no object");
  }
  const metadata: unknown = (object as { metadata?: unknown } | null)?.metadata;
  if (metadata !== undefined && (typeof metadata !== "object" || Array.isArray(metadata))) {
    throw new MeshError("invalid-argument", "The AdmissionReview's object has metadata that is no object");
  }
  const { group = "" } = request.kind;
  return {
    uid: request.uid,
    kind: { ...request.kind, group: String(group) },
    resource: request.resource,
    operation: request.operation ?? "CREATE",
    ...(request.name === undefined ? {} : { name: request.name }),
    ...(request.namespace === undefined ? {} : { namespace: request.namespace }),
    ...(request.dryRun === undefined ? {} : { dryRun: request.dryRun }),
    object: object as AdmissionRequest["object"],
    oldObject: request.oldObject ?? null,
  };
}

function reviewResponse(uid: string, decision: AdmissionDecision): object {
  return {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    response: {
      uid,
      allowed: decision.allowed,
      ...(decision.warnings === undefined ? {} : { warnings: decision.warnings }),
      ...(decision.allowed
        ? decision.patch !== undefined && decision.patch.length > 0
          ? { patchType: "JSONPatch", patch: Buffer.from(JSON.stringify(decision.patch)).toString("base64") }
          : {}
        : { status: { message: decision.message, code: decision.code ?? 403 } }),
    },
  };
}
