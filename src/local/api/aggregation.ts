/**
 * Requests for groups that other servers answer (Kubernetes "API aggregation layer"): an APIService names a Service, and a
 * request that our rights allow goes on there, with the user in header fields and our certificate as the proof that they hold.
 */
import type { Clock } from "#lib/clock.ts";
import { errorChain } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { KubeObject } from "../store/object.ts";
import type { Store } from "../store/store.ts";
import type { ServiceDial } from "./admission/webhook-call.ts";
import type { LocalClient } from "./client.ts";
import type { User } from "./context.ts";
import { record, records, text } from "./kinds/strategy.ts";
import { StatusError } from "./status-error.ts";

/** What an APIService's server believes us by. PEM. */
export interface FrontProxyCredentials {
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
}

export interface AggregationParts {
  readonly store: Store;
  readonly client: LocalClient;
  readonly dial: ServiceDial;
  readonly credentials: FrontProxyCredentials;
  readonly clock: Clock;
  readonly log: Log;
}

/** ms between looks whether APIServices answer, and for an answer. */
const lookEvery = 1000;
const patience = 5000;

const configMaps = { group: "", version: "v1", resource: "configmaps" };
const apiServices = { group: "apiregistration.k8s.io", version: "v1", resource: "apiservices" };
const storageKey = "apiservices.apiregistration.k8s.io";
/** What speaks for one connection, or for somebody else. */
const notForwarded =
  /^(host|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-length|accept-encoding|authorization|impersonate-.*|x-remote-.*)$/;

export class Aggregator {
  private readonly parts: AggregationParts;

  constructor(parts: AggregationParts) {
    this.parts = parts;
  }

  /** Tells servers by whom they are called, and from now on everybody whether they answer. */
  async start(): Promise<void> {
    const { client, credentials } = this.parts;
    const data = {
      "requestheader-client-ca-file": credentials.caPem,
      "requestheader-allowed-names": '["front-proxy-client"]',
      "requestheader-username-headers": '["X-Remote-User"]',
      "requestheader-uid-headers": '["X-Remote-Uid"]',
      "requestheader-group-headers": '["X-Remote-Group"]',
      "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
    };
    const metadata = { name: "extension-apiserver-authentication", namespace: "kube-system" };
    if (client.get(configMaps, metadata.namespace, metadata.name) === null)
      await client.create(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata, data });
    this.plan();
  }

  private plan(): void {
    this.parts.clock.after(lookEvery, () => void this.lookAtAll().finally(() => this.plan()));
  }

  /** The APIService whose server answers a path; null: we do. */
  find(path: string): KubeObject | null {
    const match = /^\/apis\/([^/]+)\/([^/]+)(?:\/|$)/.exec(path);
    if (match === null) return null;
    const found = this.parts.store.get(storageKey, "", `${match[2]}.${match[1]}`);
    return found !== null && serviceOf(found) !== null ? found : null;
  }

  async forward(apiService: KubeObject, request: Request, user: User): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const headers: Record<string, string | string[]> = {};
    for (const [name, value] of request.headers) if (!notForwarded.test(name)) headers[name] = value;
    headers["x-remote-user"] = user.name;
    // One line for each: a group's name may have a comma.
    headers["x-remote-group"] = [...user.groups];
    if (user.uid !== undefined) headers["x-remote-uid"] = user.uid;
    for (const [key, values] of Object.entries(user.extra ?? {}))
      headers[`x-remote-extra-${encodeURIComponent(key)}`] = [...values];
    const body = Buffer.from(await request.arrayBuffer());
    try {
      return await this.send(apiService, request.method, pathname + search, headers, body, request.signal);
    } catch (thrown) {
      this.parts.log.info("An APIService did not answer", {
        name: apiService.metadata.name,
        error: errorChain(thrown),
      });
      throw new StatusError("ServiceUnavailable", `error trying to reach service: ${errorChain(thrown)}`);
    }
  }

  private async send(
    apiService: KubeObject,
    method: string,
    path: string,
    headers: Record<string, string | string[]>,
    body: Buffer,
    signal: AbortSignal,
  ): Promise<Response> {
    const { dial, credentials } = this.parts;
    const service = serviceOf(apiService);
    const address = service === null ? null : dial(service.namespace, service.name, service.port);
    if (service === null || address === null)
      throw new StatusError("ServiceUnavailable", `no endpoints available for service "${service?.name ?? ""}"`);
    const serverName = `${service.name}.${service.namespace}.svc`;
    const spec = record(apiService["spec"]);
    const ca = Buffer.from(text(spec["caBundle"]), "base64").toString();
    // The runtime's fetch would fold repeated fields into one. Loaded only where there is an APIService.
    const { request } = await import("node:https");
    return await new Promise<Response>((resolve, reject) => {
      const sent = request(
        {
          host: address.ip,
          port: address.port,
          method,
          path,
          headers: { ...headers, host: serverName, "content-length": body.length },
          agent: false,
          signal,
          servername: serverName,
          ...(ca === "" ? {} : { ca }),
          cert: credentials.certPem,
          key: credentials.keyPem,
          rejectUnauthorized: spec["insecureSkipTLSVerify"] !== true,
        },
        (answer) => {
          const stream = new ReadableStream<Uint8Array>({
            start(controller) {
              answer.on("data", (chunk: Buffer) => {
                controller.enqueue(chunk);
                if ((controller.desiredSize ?? 0) <= 0) answer.pause();
              });
              answer.on("end", () => controller.close());
              answer.on("error", (error) => controller.error(error));
            },
            pull() {
              answer.resume();
            },
            cancel() {
              sent.destroy();
            },
          });
          const type = answer.headers["content-type"];
          resolve(
            new Response(stream, {
              status: answer.statusCode ?? 502,
              headers: type === undefined ? {} : { "content-type": type },
            }),
          );
        },
      );
      sent.on("error", reject);
      sent.end(body);
    });
  }

  private async lookAtAll(): Promise<void> {
    await Promise.all(this.parts.store.list(storageKey).map((apiService) => this.look(apiService)));
  }

  /** Writes the condition "Available" when it changed. */
  private async look(apiService: KubeObject): Promise<void> {
    const spec = record(apiService["spec"]);
    if (serviceOf(apiService) === null) return;
    let condition = { type: "Available", status: "True", reason: "Passed", message: "all checks passed" };
    try {
      const path = `/apis/${text(spec["group"])}/${text(spec["version"])}`;
      const headers = { "x-remote-user": "system:kube-aggregator", "x-remote-group": ["system:masters"] };
      const answer = await this.send(apiService, "GET", path, headers, Buffer.alloc(0), AbortSignal.timeout(patience));
      await answer.body?.cancel();
      if (!answer.ok) throw new StatusError("ServiceUnavailable", `bad status from "${path}": ${answer.status}`);
    } catch (thrown) {
      condition = { ...condition, status: "False", reason: "FailedDiscoveryCheck", message: errorChain(thrown) };
    }
    const [before] = records(record(apiService["status"])["conditions"]).filter(({ type }) => type === "Available");
    if (before?.["status"] === condition.status && before["message"] === condition.message) return;
    const lastTransitionTime = new Date(this.parts.clock.wall()).toISOString().replace(/\.\d+Z$/, "Z");
    try {
      const status = { conditions: [{ ...condition, lastTransitionTime }] };
      await this.parts.client.updateStatus(apiServices, { ...structuredClone(apiService), status });
    } catch (thrown) {
      // Somebody changed or removed it meanwhile.
      this.parts.log.debug("An APIService's status was not written", { error: errorChain(thrown) });
    }
  }
}

interface ServicePort {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
}

function serviceOf(apiService: KubeObject): ServicePort | null {
  const service = record(record(apiService["spec"])["service"]);
  const { port = 443 } = service;
  const [namespace, name] = [text(service["namespace"]), text(service["name"])];
  return name === "" || typeof port !== "number" ? null : { namespace, name, port };
}
