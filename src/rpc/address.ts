/** Addresses and durations between the proxy API's messages and the forms that the rest of the project uses. */
import { create } from "#rpc/protobuf/create.ts";
import { DurationSchema, type Duration } from "#rpc/protobuf/well-known.ts";
import { formatIp, parseIp, type Cidr } from "#lib/net-addr.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import {
  IPAddressSchema,
  IPv6Schema,
  TcpAddressSchema,
  type IPAddress,
  type IPNetwork,
  type TcpAddress,
} from "./gen/net_pb.ts";

/** 4 or 16 bytes, or null when the message names no address. */
export function ipBytes(ip: IPAddress | undefined): Uint8Array | null {
  if (ip === undefined) return null;
  switch (ip.ip.case) {
    case "ipv4": {
      const value = ip.ip.value;
      return Uint8Array.of(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
    }
    case "ipv6": {
      const bytes = new Uint8Array(16);
      const view = new DataView(bytes.buffer);
      view.setBigUint64(0, ip.ip.value.first);
      view.setBigUint64(8, ip.ip.value.last);
      return bytes;
    }
    default:
      return null;
  }
}

/** The address as text, or null when the message names none. */
export function ipText(ip: IPAddress | undefined): string | null {
  const bytes = ipBytes(ip);
  return bytes === null ? null : formatIp(bytes);
}

/** The message of an address in text form, or null when the text is none. */
export function ipMessage(text: string): IPAddress | null {
  const bytes = parseIp(text);
  if (bytes === null) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length === 4) return create(IPAddressSchema, { ip: { case: "ipv4", value: view.getUint32(0) } });
  const value = create(IPv6Schema, { first: view.getBigUint64(0), last: view.getBigUint64(8) });
  return create(IPAddressSchema, { ip: { case: "ipv6", value } });
}

export function socketAddr(addr: TcpAddress | undefined): SocketAddr | null {
  const ip = ipText(addr?.ip);
  if (ip === null || addr === undefined || addr.port < 1 || addr.port > 65535) return null;
  return { ip, port: addr.port };
}

export function tcpAddress(addr: SocketAddr): TcpAddress | null {
  const ip = ipMessage(addr.ip);
  return ip === null ? null : create(TcpAddressSchema, { ip, port: addr.port });
}

/** The network, or null when the message names no valid one. */
export function cidr(network: IPNetwork | undefined): Cidr | null {
  const bytes = ipBytes(network?.ip);
  if (bytes === null || network === undefined || network.prefixLen > bytes.length * 8) return null;
  return { bytes, prefix: network.prefixLen };
}

/** Milliseconds with fraction, or `fallback` when the field is absent. */
export function milliseconds<T>(duration: Duration | undefined, fallback: T): number | T {
  return duration === undefined ? fallback : Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

export function duration(ms: number): Duration {
  const seconds = Math.floor(ms / 1000);
  return create(DurationSchema, { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) });
}
