/** IP addresses and networks as bytes, for comparing them. */
import { MeshError } from "./errors.ts";

/** A network: the first `prefix` bits of `bytes` (4 or 16 of them) are fixed. */
export interface Cidr {
  readonly bytes: Uint8Array;
  /** 0–32 for IPv4, 0–128 for IPv6. */
  readonly prefix: number;
}

/** 4 or 16 bytes in network order, or null when the text is no IP address. IPv4-mapped IPv6 addresses become IPv4. */
export function parseIp(text: string): Uint8Array | null {
  if (!text.includes(":")) return parseIpv4(text);
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0] ?? "", halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? "", true) : [];
  if (head === null || tail === null) return null;
  const given = head.length + tail.length;
  // "::" stands for at least one group of two bytes.
  if (halves.length === 1 ? given !== 16 : given > 14) return null;
  const bytes = new Uint8Array(16);
  bytes.set(head, 0);
  bytes.set(tail, 16 - tail.length);
  const mapped = bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((byte) => byte === 0);
  return mapped ? bytes.slice(12) : bytes;
}

function parseIpv4(text: string): Uint8Array | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return null;
  const parts = match.slice(1).map(Number);
  return parts.every((part) => part <= 255) ? Uint8Array.from(parts) : null;
}

/** The bytes of colon-separated groups; the last one may be an IPv4 address. */
function parseGroups(text: string, mayEndInIpv4: boolean): number[] | null {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [index, group] of groups.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
      continue;
    }
    const ipv4 = mayEndInIpv4 && index === groups.length - 1 ? parseIpv4(group) : null;
    if (ipv4 === null) return null;
    bytes.push(...ipv4);
  }
  return bytes;
}

/** RFC 5952 text of 4 or 16 bytes. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups: number[] = [];
  for (let index = 0; index < 16; index += 2) groups.push(((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0));
  // The longest run of at least two zero groups is left out, the first one of equals.
  let start = -1;
  let length = 1;
  for (let index = 0; index < 8; index++) {
    let run = 0;
    while (index + run < 8 && groups[index + run] === 0) run++;
    if (run > length) {
      start = index;
      length = run;
    }
    index += run;
  }
  const hex = groups.map((group) => group.toString(16));
  if (start < 0) return hex.join(":");
  return `${hex.slice(0, start).join(":")}::${hex.slice(start + length).join(":")}`;
}

/** Reads "10.0.0.0/8" or a single address. Throws "invalid-argument" quoting what is wrong. */
export function parseCidr(text: string): Cidr {
  const slash = text.lastIndexOf("/");
  const bytes = parseIp(slash < 0 ? text : text.slice(0, slash));
  const bits = bytes === null ? 0 : bytes.length * 8;
  const suffix = slash < 0 ? String(bits) : text.slice(slash + 1);
  const prefix = /^\d{1,3}$/.test(suffix) ? Number(suffix) : Number.NaN;
  if (bytes === null || !(prefix <= bits)) {
    throw new MeshError("invalid-argument", `"${text}" is not a network such as 10.0.0.0/8 or fd00::/8`);
  }
  return { bytes, prefix };
}

/** Reads comma-separated networks; empty parts are ignored. */
export function parseCidrs(text: string): Cidr[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map(parseCidr);
}

export function containsIp(cidr: Cidr, ip: Uint8Array): boolean {
  if (cidr.bytes.length !== ip.length) return false;
  const whole = cidr.prefix >> 3;
  for (let index = 0; index < whole; index++) {
    if (cidr.bytes[index] !== ip[index]) return false;
  }
  const rest = cidr.prefix & 7;
  if (rest === 0) return true;
  const mask = 0xff & (0xff << (8 - rest));
  return ((cidr.bytes[whole] ?? 0) & mask) === ((ip[whole] ?? 0) & mask);
}

/** "10.0.0.1:80" or "[fd00::1]:80". */
export function formatSocketAddr(addr: { readonly ip: string; readonly port: number }): string {
  return addr.ip.includes(":") ? `[${addr.ip}]:${addr.port}` : `${addr.ip}:${addr.port}`;
}
