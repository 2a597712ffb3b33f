/** Addresses as the kernel's `struct sockaddr_in` and `sockaddr_in6` (ip(7), ipv6(7)), and as text with a port. */
import { MeshError } from "../errors.ts";
import { formatIp, parseIp } from "../net-addr.ts";
import type { SocketAddr } from "./socket.ts";

/** AF_INET and AF_INET6 of Linux. */
const familyV4 = 2;
const familyV6 = 10;

/** `::ffff:10.0.0.1` as `10.0.0.1`; everything else as it is. */
export function unmapIp(ip: string): string {
  return ip.startsWith("::ffff:") && ip.includes(".") ? ip.slice(7) : ip;
}

function bytesOf(ip: string): Uint8Array {
  const bytes = parseIp(ip);
  if (bytes === null) throw new MeshError("invalid-argument", `"${ip}" is not an IP address`);
  return bytes;
}

/** The family number of an address; throws "invalid-argument" for anything else, also for names. */
export function familyOf(ip: string): number {
  return bytesOf(ip).length === 4 ? familyV4 : familyV6;
}

/** Bytes of `struct sockaddr_in` (16) or `sockaddr_in6` (28). */
export function encodeSockaddr(addr: SocketAddr): Uint8Array {
  const ip = bytesOf(addr.ip);
  const bytes = new Uint8Array(ip.length === 4 ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, ip.length === 4 ? familyV4 : familyV6, true);
  view.setUint16(2, addr.port, false);
  bytes.set(ip, ip.length === 4 ? 4 : 8);
  return bytes;
}

/** The address in a `struct sockaddr_in` or `sockaddr_in6`; IPv4-mapped IPv6 as IPv4. */
export function decodeSockaddr(bytes: Uint8Array): SocketAddr {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const family = view.getUint16(0, true);
  const port = view.getUint16(2, false);
  if (family === familyV4) return { ip: formatIp(bytes.subarray(4, 8)), port };
  if (family !== familyV6) throw new MeshError("internal", `A socket address of the unknown family ${family}`);
  const ip = bytes.subarray(8, 24);
  const mapped = ip[10] === 0xff && ip[11] === 0xff && ip.subarray(0, 10).every((byte) => byte === 0);
  return { ip: formatIp(mapped ? ip.subarray(12) : ip), port };
}

/** "10.0.0.1:80", "[fd00::1]:80". */
export function formatAddr(addr: SocketAddr): string {
  return addr.ip.includes(":") ? `[${addr.ip}]:${addr.port}` : `${addr.ip}:${addr.port}`;
}
