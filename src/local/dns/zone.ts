/**
 * Answers of the cluster's name server: a question and the cluster's objects → records. Pure.
 * Follows the Kubernetes DNS specification (dns.md of kubernetes/dns, version 1.1.0).
 */
import type { EndpointSlice, Service } from "../types.ts";

/** Record types that are answered; other types of an existing name have no data. */
export type RecordType = "A" | "SRV" | "PTR" | "CNAME";

export type ZoneRecord =
  | { readonly type: "A"; readonly name: string; readonly data: string }
  | { readonly type: "PTR" | "CNAME"; readonly name: string; readonly data: string }
  | {
      readonly type: "SRV";
      readonly name: string;
      readonly data: {
        readonly port: number;
        readonly target: string;
        readonly priority: number;
        readonly weight: number;
      };
    };

export type ZoneAnswer =
  | { readonly kind: "records"; readonly answers: readonly ZoneRecord[]; readonly additionals: readonly ZoneRecord[] }
  /** The name exists and has nothing of this type. */
  | { readonly kind: "no-data" }
  | { readonly kind: "no-name" }
  /** Not a name of this cluster, and there is nobody else to ask. */
  | { readonly kind: "refused" };

/** The cluster as the zone reads it. */
export interface ZoneSource {
  service(namespace: string, name: string): Service | null;
  /** Slices of one Service. */
  slices(namespace: string, service: string): readonly EndpointSlice[];
  namespaceExists(name: string): boolean;
  /** The Services and endpoints that have an address, for reverse look-ups. */
  reverse(ip: string): readonly string[];
}

interface Address {
  readonly ip: string;
  readonly hostname: string;
  readonly ports: ReadonlyArray<{ readonly name: string; readonly protocol: string; readonly port: number }>;
}

const nothing: ZoneAnswer = { kind: "no-data" };
const unknown: ZoneAnswer = { kind: "no-name" };

/** The label of an endpoint without a host name: its address with dashes. */
export function endpointLabel(ip: string, hostname: string | undefined): string {
  return hostname ?? ip.replaceAll(".", "-");
}

export class Zone {
  private readonly source: ZoneSource;
  private readonly domain: string;

  /** `domain`: the cluster's, for example "cluster.local". */
  constructor(source: ZoneSource, domain: string) {
    this.source = source;
    this.domain = domain;
  }

  /** `name` without the final dot, any case. */
  answer(name: string, type: string): ZoneAnswer {
    const lower = name.toLowerCase();
    const reverse = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(lower);
    if (reverse !== null) return this.pointer(lower, `${reverse[4]}.${reverse[3]}.${reverse[2]}.${reverse[1]}`, type);
    if (lower === "localhost") return select([{ type: "A", name, data: "127.0.0.1" }], type);
    if (lower === this.domain) return nothing;
    if (!lower.endsWith(`.${this.domain}`)) return { kind: "refused" };
    const labels = lower.slice(0, -this.domain.length - 1).split(".");
    const kind = labels.pop();
    if (labels.length === 0) return kind === "svc" || kind === "pod" ? nothing : unknown;
    if (kind === "pod") return this.podName(name, labels, type);
    if (kind !== "svc") return unknown;
    return this.serviceName(name, labels, type);
  }

  private podName(name: string, labels: readonly string[], type: string): ZoneAnswer {
    const [label = "", namespace] = labels;
    if (labels.length !== 2 || namespace === undefined || !this.source.namespaceExists(namespace)) return unknown;
    const match = /^(\d{1,3})-(\d{1,3})-(\d{1,3})-(\d{1,3})$/.exec(label);
    if (match === null) return unknown;
    return select([{ type: "A", name, data: match.slice(1).join(".") }], type);
  }

  private serviceName(name: string, labels: string[], type: string): ZoneAnswer {
    const namespace = labels.pop() ?? "";
    const serviceName = labels.pop();
    if (serviceName === undefined) return this.source.namespaceExists(namespace) ? nothing : unknown;
    const service = this.source.service(namespace, serviceName);
    if (service === null) return unknown;
    const { spec } = service;
    if (spec.type === "ExternalName") {
      if (labels.length > 0) return unknown;
      return { kind: "records", answers: [{ type: "CNAME", name, data: spec.externalName ?? "" }], additionals: [] };
    }
    const base = `${serviceName}.${namespace}.svc.${this.domain}`;
    const headless = spec.clusterIP === "None";
    const [first = "", second = ""] = labels;
    if (labels.length === 2 && first.startsWith("_") && second.startsWith("_")) {
      return this.servicePort(name, service, base, { port: first.slice(1), protocol: second.slice(1), type });
    }
    if (labels.length === 0) {
      if (!headless)
        return select(spec.clusterIP === undefined ? [] : [{ type: "A", name, data: spec.clusterIP }], type);
      const addresses = this.addresses(service);
      // A headless Service that has no endpoints has no address records and so no name.
      if (addresses.length === 0) return unknown;
      return select(
        addresses.map(({ ip }) => ({ type: "A", name, data: ip })),
        type,
      );
    }
    if (labels.length !== 1 || !headless) return unknown;
    const matching = this.addresses(service).filter((address) => endpointLabel(address.ip, address.hostname) === first);
    if (matching.length === 0) return unknown;
    return select(
      matching.map(({ ip }) => ({ type: "A", name, data: ip })),
      type,
    );
  }

  private servicePort(
    name: string,
    service: Service,
    base: string,
    asked: { port: string; protocol: string; type: string },
  ): ZoneAnswer {
    const fits = (port: { name?: string; protocol?: string }): boolean =>
      (port.name ?? "") === asked.port && (port.protocol ?? "TCP").toLowerCase() === asked.protocol;
    const answers: ZoneRecord[] = [];
    const additionals: ZoneRecord[] = [];
    if (service.spec.clusterIP !== "None") {
      for (const port of (service.spec.ports ?? []).filter(fits)) {
        answers.push({ type: "SRV", name, data: { port: port.port, target: base, priority: 0, weight: 100 } });
        additionals.push({ type: "A", name: base, data: service.spec.clusterIP ?? "" });
      }
    } else {
      for (const address of this.addresses(service)) {
        const target = `${endpointLabel(address.ip, address.hostname)}.${base}`;
        for (const port of address.ports.filter(fits)) {
          answers.push({ type: "SRV", name, data: { port: port.port, target, priority: 0, weight: 100 } });
          additionals.push({ type: "A", name: target, data: address.ip });
        }
      }
    }
    if (answers.length === 0) return unknown;
    return asked.type === "SRV" || asked.type === "ANY" ? { kind: "records", answers, additionals } : nothing;
  }

  private addresses(service: Service): Address[] {
    const { namespace = "", name } = service.metadata;
    const found = new Map<string, Address>();
    for (const slice of this.source.slices(namespace, name)) {
      if (slice.addressType !== "IPv4") continue;
      const ports = (slice.ports ?? []).flatMap((port) =>
        port.port === undefined ? [] : [{ name: port.name ?? "", protocol: port.protocol ?? "TCP", port: port.port }],
      );
      for (const endpoint of slice.endpoints ?? []) {
        if (endpoint.conditions?.ready === false) continue;
        for (const ip of endpoint.addresses) {
          found.set(ip, {
            ip,
            hostname: endpoint.hostname ?? endpointLabel(ip, undefined),
            ports: [...(found.get(ip)?.ports ?? []), ...ports],
          });
        }
      }
    }
    return [...found.values()];
  }

  private pointer(name: string, ip: string, type: string): ZoneAnswer {
    const names = this.source.reverse(ip);
    if (names.length === 0) return unknown;
    return select(
      names.map((data) => ({ type: "PTR", name, data: `${data}.svc.${this.domain}` })),
      type,
    );
  }
}

function select(records: readonly ZoneRecord[], type: string): ZoneAnswer {
  const answers = records.filter((record) => type === "ANY" || record.type === type);
  return answers.length === 0 ? nothing : { kind: "records", answers, additionals: [] };
}
