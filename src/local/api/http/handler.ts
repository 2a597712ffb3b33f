/** A request's way: identity → route → rights → answer. Every failure becomes a Status. */
import type { User } from "../context.ts";
import { answerReview } from "../auth/reviews.ts";
import { impersonated } from "../auth/impersonate.ts";
import { denial } from "../auth/rbac.ts";
import type { Attributes } from "../auth/rbac.ts";
import { discoveryDocument } from "../discovery/discovery.ts";
import { openapiDocument, openapiIndex, swaggerDocument, swaggerProtobuf } from "../discovery/openapi.ts";
import { findReview } from "../discovery/reviews.ts";
import { versionDocument } from "../discovery/version.ts";
import type { Parts } from "../parts.ts";
import { forbidden, StatusError } from "../status-error.ts";
import { acceptedForm } from "./accept.ts";
import { readBody } from "./body.ts";
import { serveObject } from "./objects.ts";
import { contextOf } from "./options.ts";
import { failure, isBug, json, plain } from "./reply.ts";
import { parseRoute } from "./route.ts";
import type { PathRoute, ResourceRoute, Route } from "./route.ts";
import { serveStream, streamSubresources } from "./streams.ts";
import type { Upgrade } from "./socket-session.ts";
import { serveSubresource } from "./subresources.ts";

/** What kubectl asks for, and the same with a name that is a media type ("@" may not be in one). */
const swaggerProtobufAsked = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
const swaggerProtobufType = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/** Anybody may ask whether the server is there. */
const open = new Set(["/healthz", "/livez", "/readyz", "/version"]);

export class Handler {
  private readonly parts: Parts;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  /** Resolves to undefined when the connection was upgraded. */
  async handle(request: Request, upgrade: Upgrade): Promise<Response | undefined> {
    try {
      return await this.answer(request, upgrade);
    } catch (thrown) {
      if (isBug(thrown)) {
        this.parts.log.error(
          "A request failed",
          { method: request.method, url: new URL(request.url).pathname },
          thrown,
        );
      }
      return failure(thrown);
    }
  }

  private async answer(request: Request, upgrade: Upgrade): Promise<Response | undefined> {
    const url = new URL(request.url);
    const query = url.searchParams;
    if (open.has(url.pathname)) return url.pathname === "/version" ? json(versionDocument()) : plain("ok");
    const { authenticator, authorizer } = this.parts;
    const sender = authenticator.authenticate(request.headers.get("authorization"));
    const user = impersonated(request.headers, sender, authorizer);
    const route = parseRoute(request.method, url.pathname, query);
    this.authorize(user, route);
    const { aggregator } = this.parts;
    const elsewhere = aggregator?.find(url.pathname) ?? null;
    if (aggregator !== null && elsewhere !== null) return aggregator.forward(elsewhere, request, user);
    if (route.kind === "path") return this.document(route, request);
    return this.resource(route, request, query, user, upgrade);
  }

  private authorize(user: User, route: Route): void {
    const wanted: Attributes = route.kind === "path" ? route : { ...route };
    if (this.parts.authorizer.allows(user, wanted)) return;
    if (route.kind === "path") throw new StatusError("Forbidden", `forbidden: ${denial(user, wanted)}`);
    throw forbidden(route, route.name, denial(user, wanted));
  }

  private document(route: PathRoute, request: Request): Response {
    const { catalog, types, tokens } = this.parts;
    const accept = request.headers.get("accept");
    const path = route.path.length > 1 ? route.path.replace(/\/+$/, "") : route.path;
    const v3 = /^\/openapi\/v3\/(?:api|apis\/([^/]+))\/([^/]+)$/.exec(path);
    if (v3?.[2] !== undefined) {
      const document = openapiDocument(catalog, types, v3[1] ?? "", v3[2]);
      if (document !== null) return json(document);
    }
    switch (path) {
      case "/":
        return json({
          paths: [
            "/api",
            "/apis",
            "/healthz",
            "/livez",
            "/openapi/v2",
            "/openapi/v3",
            "/openid/v1/jwks",
            "/readyz",
            "/version",
          ],
        });
      case "/openapi/v3":
        return json(openapiIndex(catalog));
      case "/openapi/v2":
        if (accept?.startsWith(swaggerProtobufAsked) === true) {
          return new Response(swaggerProtobuf(), { headers: { "content-type": swaggerProtobufType } });
        }
        acceptedForm(accept);
        return json(swaggerDocument(catalog, types));
      case "/openid/v1/jwks":
        return json(tokens.keySet());
      case "/.well-known/openid-configuration":
        return json({
          issuer: tokens.issuer,
          jwks_uri: `${tokens.issuer}/openid/v1/jwks`,
          response_types_supported: ["id_token"],
          subject_types_supported: ["public"],
          id_token_signing_alg_values_supported: ["ES256"],
        });
      default:
    }
    const form = acceptedForm(accept) === "discovery" ? "discovery" : "object";
    const found = discoveryDocument(catalog, path, form);
    if (found === null) throw new StatusError("NotFound", "the server could not find the requested resource");
    const response = json(found);
    if (form === "discovery" && (path === "/api" || path === "/apis")) {
      response.headers.set("content-type", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
    }
    return response;
  }

  private async resource(
    route: ResourceRoute,
    request: Request,
    query: URLSearchParams,
    user: User,
    upgrade: Upgrade,
  ): Promise<Response | undefined> {
    const review = findReview(route.group, route.version, route.resource);
    if (review !== null) {
      if (route.verb !== "create") {
        throw new StatusError("MethodNotAllowed", "the server does not allow this method on the requested resource");
      }
      const context = contextOf(query, user);
      const { authenticator, authorizer, tokens, types } = this.parts;
      const parts = { types, authenticator, authorizer, issuer: tokens.issuer };
      const body = await readBody(request, this.parts.types);
      return json(answerReview(parts, review.kind, review.version, route.namespace, body, context), 201);
    }
    const info = this.parts.catalog.require(route);
    // A cluster-scoped resource has no path below a namespace, a namespaced one is only listed and watched without.
    const inNamespace = route.namespace !== "" && route.resource !== "namespaces";
    const collectionVerb = route.verb === "list" || route.verb === "watch" || route.verb === "deletecollection";
    if ((inNamespace && !info.namespaced) || (info.namespaced && !inNamespace && !collectionVerb)) {
      throw new StatusError("NotFound", "the server could not find the requested resource");
    }
    const scoped = info.namespaced ? route : { ...route, namespace: "" };
    const work = { parts: this.parts, info, route: scoped, request, query, user };
    if (info.key === "pods" && streamSubresources.has(route.subresource)) return serveStream(work, upgrade);
    return (await serveSubresource(work)) ?? serveObject(work);
  }
}
