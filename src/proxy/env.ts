/** Reads typed values out of environment variables and remembers what was wrong and what was asked for. */
import { parseDuration } from "#lib/duration.ts";
import { formatIp, parseCidrs, parseIp, type Cidr } from "#lib/net-addr.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import { errorChain } from "#lib/errors.ts";
import { parsePortRanges, type PortRange } from "#lib/port-list.ts";

export type EnvMap = Readonly<Record<string, string | undefined>>;

/** A host (name or IP address, without brackets) and a port. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Reads "host:port" or "[ip]:port"; a trailing dot of the host stays, as it means an absolute name. */
export function parseHostPort(text: string): HostPort | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text.trim());
  const port = Number(match?.[3] ?? Number.NaN);
  if (match === null || !(port <= 65535)) return null;
  return { host: match[1] ?? match[2] ?? "", port };
}

export class Env {
  /** One sentence per bad value. */
  readonly problems: string[] = [];
  private readonly map: EnvMap;
  private readonly prefix: string;
  private readonly asked = new Set<string>();

  constructor(map: EnvMap, prefix: string) {
    this.map = map;
    this.prefix = prefix;
  }

  /** Whether the variable is set and not empty. */
  has(name: string): boolean {
    return this.raw(name) !== null;
  }

  text(name: string): string | null;
  text(name: string, fallback: string): string;
  text(name: string, fallback: string | null = null): string | null {
    return this.raw(name) ?? fallback;
  }

  required(name: string, why: string): string {
    const value = this.raw(name);
    if (value === null) this.problems.push(`${this.prefix}${name} is not set: ${why}`);
    return value ?? "";
  }

  duration(name: string, fallback: number): number {
    return this.parsed(name, fallback, "a duration such as 10s, 500ms or 2m", (text) => parseDuration(text.trim()));
  }

  /** A whole number of at least `least`. */
  count(name: string, fallback: number, least = 0): number {
    return this.parsed(name, fallback, `a whole number of at least ${least}`, (text) => {
      const value = Number(text);
      return /^\d+$/.test(text) && value >= least ? value : null;
    });
  }

  /** Set to anything but "", "0", "false", "off", "no" and "disabled" (any case) is true. */
  flag(name: string): boolean {
    const value = this.raw(name);
    return value !== null && !/^(0|false|off|no|disabled)$/i.test(value.trim());
  }

  /** 0–1, or null when it is not set. */
  ratio(name: string): number | null {
    return this.parsed<number | null>(name, null, "a number from 0 to 1", (text) => {
      const value = Number(text);
      return /^\d*\.?\d+$/.test(text.trim()) && value >= 0 && value <= 1 ? value : null;
    });
  }

  oneOf<T extends string>(name: string, values: readonly T[], fallback: T): T {
    return this.parsed(name, fallback, `one of ${values.join(", ")}`, (text) => {
      return values.find((value) => value === text.trim().toLowerCase()) ?? null;
    });
  }

  listenAddr(name: string, fallback: string): SocketAddr {
    return this.listenAddrs(name, fallback)[0] ?? { ip: "0.0.0.0", port: 0 };
  }

  /** Comma-separated "ip:port". */
  listenAddrs(name: string, fallback: string): SocketAddr[] {
    const parse = (text: string): SocketAddr[] | null => {
      const out: SocketAddr[] = [];
      for (const part of text.split(",").filter((item) => item.trim() !== "")) {
        const addr = parseHostPort(part);
        if (addr === null || parseIp(addr.host) === null) return null;
        out.push({ ip: addr.host, port: addr.port });
      }
      return out.length > 0 ? out : null;
    };
    return this.parsed(name, parse(fallback) ?? [], 'an address such as "0.0.0.0:4143" or "[::]:4143"', parse);
  }

  hostPort(name: string): HostPort | null {
    return this.parsed<HostPort | null>(
      name,
      null,
      'a host and port such as "web.svc.cluster.local.:8080"',
      parseHostPort,
    );
  }

  ports(name: string, fallback = ""): PortRange[] {
    return this.thrown(name, fallback, parsePortRanges);
  }

  cidrs(name: string, fallback = ""): Cidr[] {
    return this.thrown(name, fallback, parseCidrs);
  }

  ips(name: string): string[] {
    return this.parsed<string[]>(name, [], "IP addresses separated by commas", (text) => {
      const parts = text.split(",").map((part) => part.trim());
      const ips = parts.filter((part) => part !== "").map(parseIp);
      // In the one form in which addresses of connections come.
      return ips.includes(null) ? null : ips.filter((ip) => ip !== null).map(formatIp);
    });
  }

  /** Comma-separated words without empty ones. */
  list(name: string, fallback = ""): string[] {
    const parts = this.text(name, fallback).split(",");
    return parts.map((part) => part.trim()).filter((part) => part !== "");
  }

  /** Marks variables that are accepted and have no effect here. */
  ignore(...names: string[]): void {
    for (const name of names) this.asked.add(this.prefix + name);
  }

  /** Set variables of our prefix that nothing asked for, sorted. */
  unknown(): string[] {
    return Object.keys(this.map)
      .filter((key) => key.startsWith(this.prefix) && !this.asked.has(key))
      .toSorted();
  }

  private raw(name: string): string | null {
    const key = this.prefix + name;
    this.asked.add(key);
    const value = this.map[key];
    return value === undefined || value.trim() === "" ? null : value;
  }

  private parsed<T>(name: string, fallback: T, form: string, parse: (text: string) => T | null): T {
    const text = this.raw(name);
    if (text === null) return fallback;
    const value = parse(text);
    if (value === null) this.problems.push(`${this.prefix}${name}="${text}" is not ${form}`);
    return value ?? fallback;
  }

  private thrown<T>(name: string, fallback: string, parse: (text: string) => T): T {
    const text = this.raw(name);
    try {
      if (text !== null) return parse(text);
    } catch (thrown) {
      this.problems.push(`${this.prefix}${name}: ${errorChain(thrown)}`);
    }
    return parse(fallback);
  }
}
