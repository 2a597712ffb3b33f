/** One call of a webhook: HTTPS POST of an AdmissionReview (admission.k8s.io/v1). */
import type { Store } from "../../store/store.ts";
import { record, records, text } from "../kinds/strategy.ts";
import { errorChain, MeshError } from "#lib/errors.ts";
import type { AdmissionRequest } from "./admission.ts";
import type { Webhook } from "./webhook-match.ts";

/** Where to connect for a Service's port; null when nothing is ready there. */
export type ServiceDial = (
  namespace: string,
  name: string,
  port: number,
) => { readonly ip: string; readonly port: number } | null;

/** What a webhook answered. */
export interface Verdict {
  readonly allowed: boolean;
  readonly code: number;
  readonly message: string;
  readonly reason: string;
  /** A JSON patch; null: none. */
  readonly patch: unknown;
  readonly warnings: readonly string[];
}

/** Bytes of an answer at most. */
const maxAnswer = 3 * 1024 * 1024;

/** The ready endpoint of a Service's port, from its EndpointSlices. */
export function endpointDial(store: Store): ServiceDial {
  return (namespace, name, port) => {
    const service = store.get("services", namespace, name);
    const entry = records(record(service?.["spec"])["ports"]).find((item) => item["port"] === port);
    if (entry === undefined) return null;
    for (const slice of store.list("endpointslices.discovery.k8s.io", namespace)) {
      if (slice.metadata.labels?.["kubernetes.io/service-name"] !== name) continue;
      const target = records(slice["ports"]).find((item) => text(item["name"]) === text(entry["name"]));
      const ready = records(slice["endpoints"]).find((item) => record(item["conditions"])["ready"] !== false);
      const address = Array.isArray(ready?.["addresses"]) ? ready["addresses"][0] : undefined;
      if (typeof address === "string" && typeof target?.["port"] === "number")
        return { ip: address, port: target["port"] };
    }
    return null;
  };
}

function target(webhook: Webhook, dial: ServiceDial): { url: string; serverName: string | null; shown: string } {
  const { url, service } = webhook.clientConfig;
  if (url !== undefined) return { url, serverName: null, shown: url };
  if (service === undefined) throw new MeshError("invalid-argument", "The webhook has neither url nor service");
  const path = service.path === undefined || service.path.startsWith("/") ? (service.path ?? "/") : `/${service.path}`;
  const serverName = `${service.name}.${service.namespace}.svc`;
  const shown = `https://${serverName}:${service.port}${path}`;
  const address = dial(service.namespace, service.name, service.port);
  if (address === null) {
    throw new MeshError("unavailable", `no endpoints available for service "${service.name}"`);
  }
  const host = address.ip.includes(":") ? `[${address.ip}]` : address.ip;
  return { url: `https://${host}:${address.port}${path}`, serverName, shown };
}

function reviewOf(request: AdmissionRequest, uid: string): unknown {
  const { info, operation, context, object, previous, part } = request;
  const kind = { group: info.group, version: info.version, kind: info.kind };
  const resource = { group: info.group, version: info.version, resource: info.resource };
  const { user } = context;
  const optionKinds = {
    CREATE: "CreateOptions",
    UPDATE: "UpdateOptions",
    DELETE: "DeleteOptions",
    CONNECT: "",
  } as const;
  return {
    kind: "AdmissionReview",
    apiVersion: "admission.k8s.io/v1",
    request: {
      uid,
      kind,
      resource,
      requestKind: kind,
      requestResource: resource,
      ...(part === "" ? {} : { subResource: part, requestSubResource: part }),
      name: request.name,
      ...(info.namespaced ? { namespace: request.namespace } : {}),
      operation,
      userInfo: {
        username: user.name,
        groups: user.groups,
        ...(user.uid === undefined ? {} : { uid: user.uid }),
        ...(user.extra === undefined ? {} : { extra: user.extra }),
      },
      object,
      oldObject: previous,
      dryRun: context.dryRun,
      options: { kind: optionKinds[operation], apiVersion: "meta.k8s.io/v1" },
    },
  };
}

function readVerdict(body: string, uid: string): Verdict {
  const review = record(JSON.parse(body));
  const response = record(review["response"]);
  if (text(response["uid"]) !== uid)
    throw new MeshError("protocol", `expected response.uid="${uid}", got "${text(response["uid"])}"`);
  const status = record(response["status"]);
  const patch = response["patch"];
  if (patch !== undefined && patch !== "" && response["patchType"] !== "JSONPatch") {
    throw new MeshError(
      "protocol",
      `webhook returned response.patchType "${text(response["patchType"])}", want "JSONPatch"`,
    );
  }
  return {
    allowed: response["allowed"] === true,
    code: typeof status["code"] === "number" ? status["code"] : 403,
    message: text(status["message"]),
    reason: text(status["reason"]),
    patch:
      typeof patch === "string" && patch !== ""
        ? (JSON.parse(Buffer.from(patch, "base64").toString()) as unknown)
        : null,
    warnings: Array.isArray(response["warnings"]) ? response["warnings"].map(String).slice(0, 20) : [],
  };
}

/** Throws a MeshError that says why there is no verdict. */
export async function callWebhook(webhook: Webhook, request: AdmissionRequest, dial: ServiceDial): Promise<Verdict> {
  const { url, serverName, shown } = target(webhook, dial);
  const uid = crypto.randomUUID();
  const { caBundle } = webhook.clientConfig;
  const ca = caBundle === undefined || caBundle === "" ? null : Buffer.from(caBundle, "base64").toString();
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json",
        ...(serverName === null ? {} : { host: serverName }),
      },
      body: JSON.stringify(reviewOf(request, uid)),
      signal: AbortSignal.timeout(webhook.timeoutSeconds * 1000),
      keepalive: false,
      redirect: "error",
      tls: { ...(ca === null ? {} : { ca }), ...(serverName === null ? {} : { serverName }) },
    });
    const body = await response.text();
    if (body.length > maxAnswer)
      throw new MeshError("resource-exhausted", `the answer has more than ${maxAnswer} bytes`);
    if (!response.ok)
      throw new MeshError("unavailable", `the server answered ${response.status}: ${body.slice(0, 200)}`);
    return readVerdict(body, uid);
  } catch (thrown) {
    const timedOut = thrown instanceof Error && thrown.name === "TimeoutError";
    const why = timedOut ? "context deadline exceeded" : errorChain(thrown);
    throw new MeshError(
      timedOut ? "timeout" : "unavailable",
      `failed to call webhook: Post "${shown}?timeout=${webhook.timeoutSeconds}s": ${why}`,
      { cause: thrown },
    );
  }
}
