/** Subresources that are not parts of the stored object: tokens, bindings, evictions, namespace finalisation. */
import type { KubeObject } from "../../store/object.ts";
import { bindPod } from "../kinds/binding.ts";
import { timestamp } from "../names.ts";
import { decode } from "../schema/decode.ts";
import { badRequest, conflict, notFound, notImplemented, StatusError } from "../status-error.ts";
import { readBody } from "./body.ts";
import type { ObjectRequest } from "./objects.ts";
import { contextOf, deletionOf } from "./options.ts";
import { json } from "./reply.ts";

/** Seconds: what TokenRequest allows. */
const shortestToken = 600;
const longestToken = 365 * 24 * 3600;

/** Answers a subresource of this file, or null when it isn't one. */
export async function serveSubresource(work: ObjectRequest): Promise<Response | null> {
  const { info, route } = work;
  switch (`${info.key}/${route.subresource} ${route.verb}`) {
    case "serviceaccounts/token create":
      return token(work);
    case "pods/binding create":
      return binding(work);
    case "pods/eviction create":
      return eviction(work);
    case "namespaces/finalize update":
      return finalize(work);
    default:
  }
  if (route.subresource === "" || (route.subresource === "status" && info.status)) return null;
  if (route.subresource === "scale" && info.scale !== null) return null;
  if (["proxy", "attach", "ephemeralcontainers", "resize"].includes(route.subresource)) {
    throw notImplemented(`${info.resource}/${route.subresource} is not served by this local cluster`);
  }
  throw new StatusError("NotFound", "the server could not find the requested resource");
}

async function token(work: ObjectRequest): Promise<Response> {
  const { parts, route, request } = work;
  const account = parts.store.get("serviceaccounts", route.namespace, route.name);
  if (account === null) throw notFound({ group: "", resource: "serviceaccounts" }, route.name);
  const body = decode(parts.types, "TokenRequest", (await readBody(request, parts.types)) ?? {}, "v1").value;
  const spec = (body["spec"] ?? {}) as {
    audiences?: string[];
    expirationSeconds?: number;
    boundObjectRef?: { kind?: string; name?: string; uid?: string };
  };
  const lifetime = spec.expirationSeconds ?? 3600;
  if (lifetime < shortestToken) {
    throw new StatusError(
      "Invalid",
      `TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: ${lifetime}: may not specify a duration less than 10 minutes`,
    );
  }
  const bound = spec.boundObjectRef;
  let pod: { name: string; uid: string } | null = null;
  if (bound !== undefined) {
    if (bound.kind !== "Pod")
      throw notImplemented(`Tokens bound to a ${bound.kind} are not served by this local cluster`);
    const found = parts.store.get("pods", route.namespace, bound.name ?? "");
    if (found === null) throw notFound({ group: "", resource: "pods" }, bound.name ?? "");
    if (bound.uid !== undefined && bound.uid !== found.metadata.uid) {
      throw conflict(
        { group: "", resource: "pods" },
        found.metadata.name,
        `the UID in the bound object reference (${bound.uid}) does not match the UID in record`,
      );
    }
    pod = { name: found.metadata.name, uid: found.metadata.uid };
  }
  const audiences = spec.audiences?.length ? spec.audiences : [parts.tokens.issuer];
  const issued = parts.tokens.issue({
    namespace: route.namespace,
    serviceAccount: route.name,
    serviceAccountUid: account.metadata.uid,
    audiences,
    lifetime: Math.min(lifetime, longestToken),
    pod,
  });
  const status = { token: issued.token, expirationTimestamp: timestamp(issued.expires) };
  return json(
    {
      kind: "TokenRequest",
      apiVersion: "authentication.k8s.io/v1",
      metadata: { name: route.name, namespace: route.namespace, creationTimestamp: timestamp(parts.clock.wall()) },
      spec: { ...spec, audiences, expirationSeconds: lifetime },
      status,
    },
    201,
  );
}

async function binding(work: ObjectRequest): Promise<Response> {
  const { parts, route, request } = work;
  const body = decode(parts.types, "Binding", await readBody(request, parts.types), "v1").value;
  const target = body["target"] as { kind?: string; name?: string } | undefined;
  if (target?.name === undefined || target.name === "") throw badRequest("target.name: Required value");
  bindPod(parts.store, route.namespace, route.name, target.name, timestamp(parts.clock.wall()));
  return json({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 }, 201);
}

/** Deletes the pod. Disruption budgets are stored and shown, but don't hold an eviction back. */
async function eviction(work: ObjectRequest): Promise<Response> {
  const { parts, info, route, request, query, user } = work;
  const body = decode(parts.types, "Eviction", (await readBody(request, parts.types)) ?? {}, "v1").value;
  const { deletion, dryRun } = deletionOf(query, body["deleteOptions"]);
  const context = contextOf(query, user);
  await parts.registry.delete(info, route.namespace, route.name, deletion, dryRun ? { ...context, dryRun } : context);
  return json({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 }, 201);
}

async function finalize(work: ObjectRequest): Promise<Response> {
  const { parts, info, route, request, query, user } = work;
  const body = (await readBody(request, parts.types)) as KubeObject | undefined;
  const finalizers = (body?.["spec"] as { finalizers?: string[] } | undefined)?.finalizers ?? [];
  const result = await parts.registry.finalizeNamespace(info, route.name, finalizers, contextOf(query, user));
  return json(result);
}
