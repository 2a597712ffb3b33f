/**
 * Names to addresses by DNS: SRV records where there are any (headless Services), else A and AAAA. The hosts file is
 * not read; "localhost" is known (RFC 6761 §6.3).
 */
import { systemClock } from "../clock.ts";
import type { Clock } from "../clock.ts";
import { MeshError } from "../errors.ts";
import { parseIp } from "../net-addr.ts";
import type { SocketAddr } from "./socket.ts";

/** Addresses and for how long they hold, ms. */
export interface Resolution {
  /** At least one, at most 256; no order is meant. */
  readonly addrs: readonly SocketAddr[];
  readonly ttl: number;
}

/** The DNS client underneath; `ttl` in seconds. */
export interface DnsClient {
  resolve4(name: string, options: { readonly ttl: true }): Promise<Array<{ address: string; ttl: number }>>;
  resolve6(name: string, options: { readonly ttl: true }): Promise<Array<{ address: string; ttl: number }>>;
  resolveSrv(name: string): Promise<Array<{ name: string; port: number }>>;
}

export interface ResolverOptions {
  /** Bounds for what records say, ms. Defaults 5 s and 5 min. */
  readonly minTtl?: number;
  readonly maxTtl?: number;
  /** Deadline of one resolution, ms. Default 5 s. */
  readonly timeout?: number;
  /** Default: the servers of /etc/resolv.conf. */
  readonly client?: DnsClient;
  readonly clock?: Clock;
}

const maxAddresses = 256;
/** SRV targets that are looked up because their name does not tell their address. */
const maxLookups = 16;

export class Resolver {
  private readonly minTtl: number;
  private readonly maxTtl: number;
  private readonly timeout: number;
  private client: DnsClient | null;
  private readonly clock: Clock;

  constructor(options: ResolverOptions = {}) {
    this.minTtl = options.minTtl ?? 5000;
    this.maxTtl = options.maxTtl ?? 300_000;
    this.timeout = options.timeout ?? 5000;
    // Loaded when it is first used: a proxy next to its control plane, or a command line, never asks.
    this.client = options.client ?? null;
    this.clock = options.clock ?? systemClock;
  }

  /** The addresses of a host; `port` counts unless SRV records name others. Rejects with "dns" or "timeout". */
  async resolve(host: string, port: number): Promise<Resolution> {
    const name = host.endsWith(".") ? host.slice(0, -1) : host;
    if (parseIp(name) !== null) return { addrs: [{ ip: name, port }], ttl: this.maxTtl };
    if (name === "localhost" || name.endsWith(".localhost")) {
      return { addrs: [{ ip: "127.0.0.1", port }], ttl: this.maxTtl };
    }
    return await this.within(host, this.query(name, port));
  }

  private async query(name: string, port: number): Promise<Resolution> {
    this.client ??= new (await import("node:dns/promises")).Resolver();
    const { client } = this;
    const services = await client.resolveSrv(name).catch((error: unknown) => noRecords(error, name));
    if (services.length === 0) return await this.addresses(client, name, port);
    const addrs: SocketAddr[] = [];
    let ttl = this.maxTtl;
    let lookups = 0;
    for (const service of services.slice(0, maxAddresses)) {
      const ip = ipOfPodName(service.name);
      if (ip !== null) {
        addrs.push({ ip, port: service.port });
        // The runtime does not tell the TTL of SRV records.
        ttl = this.minTtl;
      } else if (lookups++ < maxLookups) {
        const found = await this.addresses(client, service.name, service.port);
        addrs.push(...found.addrs);
        ttl = Math.min(ttl, found.ttl);
      }
    }
    return { addrs: addrs.slice(0, maxAddresses), ttl };
  }

  private async addresses(client: DnsClient, name: string, port: number): Promise<Resolution> {
    const [four, six] = await Promise.all([
      client.resolve4(name, { ttl: true }).catch((error: unknown) => noRecords(error, name)),
      client.resolve6(name, { ttl: true }).catch((error: unknown) => noRecords(error, name)),
    ]);
    const records = [...four, ...six].slice(0, maxAddresses);
    if (records.length === 0) throw new MeshError("dns", `Resolving "${name}": no such name`);
    const shortest = Math.min(...records.map((record) => record.ttl)) * 1000;
    return {
      addrs: records.map((record) => ({ ip: record.address, port })),
      ttl: Math.min(this.maxTtl, Math.max(this.minTtl, shortest)),
    };
  }

  /** The runtime's resolver ignores its own timeout option. */
  private within<T>(host: string, work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = this.clock.after(this.timeout, () => {
        reject(new MeshError("timeout", `Resolving "${host}": no answer within ${this.timeout} ms`));
      });
      work.then(resolve, reject).finally(() => timer.cancel());
    });
  }
}

/** That there are no records is an answer; everything else is a failure. */
function noRecords(error: unknown, name: string): [] {
  const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
  if (code === "ENOTFOUND" || code === "ENODATA") return [];
  throw new MeshError("dns", `Resolving "${name}" failed`, { cause: error });
}

/** Kubernetes names the endpoints of a headless Service by their address: "10-1-2-3.web.ns.svc…". */
function ipOfPodName(name: string): string | null {
  const label = name.split(".")[0] ?? "";
  for (const text of [label.replaceAll("-", "."), label.replaceAll("-", ":")]) {
    if (parseIp(text) !== null) return text;
  }
  return null;
}
