/** The small text formats that values and annotations share: quantities, networks, names. Pure tests, no parsing to the end. */
import { parseDuration } from "#lib/duration.ts";

export const isDuration = (text: string): boolean => parseDuration(text) !== null;

const quantity = /^([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)(?:([numkMGTPE]|[KMGTPE]i)|[eE][+-]?\d+)?$/;

/** A Kubernetes quantity such as "100m", "250Mi", "1" or "1e3". */
export const isQuantity = (text: string): boolean => quantity.test(text);

/** Whole CPU cores of a CPU quantity, rounded up: "1500m" is 2, "2" is 2. Null when it has a suffix that CPUs don't use. */
export function wholeCores(text: string): number | null {
  const match = /^(\d+(?:\.\d*)?)(m?)$/.exec(text);
  if (match === null) return null;
  return Math.max(1, Math.ceil(Number(match[1]) / (match[2] === "m" ? 1000 : 1)));
}

/** An IPv4 or IPv6 network such as "10.0.0.0/8"; a bare address is not one. */
export function isCidr(text: string): boolean {
  const slash = text.lastIndexOf("/");
  if (slash < 0 || !/^\d{1,3}$/.test(text.slice(slash + 1))) return false;
  const bits = Number(text.slice(slash + 1));
  const address = text.slice(0, slash);
  if (isIpv4(address)) return bits <= 32;
  return bits <= 128 && isIpv6(address);
}

export function isIpv4(text: string): boolean {
  return /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/.test(text);
}

export function isIpv6(text: string): boolean {
  if (!/^[0-9a-fA-F:.]{2,45}$/.test(text)) return false;
  const halves = text.split("::");
  if (halves.length > 2) return false;
  let groups = 0;
  for (const half of halves) {
    if (half === "") continue;
    const parts = half.split(":");
    for (const [index, part] of parts.entries()) {
      if (part.includes(".")) {
        if (index !== parts.length - 1 || half !== halves.at(-1) || !isIpv4(part)) return false;
        groups += 2;
      } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups += 1;
      else return false;
    }
  }
  return halves.length === 2 ? groups < 8 : groups === 8;
}

/** A comma-separated list of networks; empty parts are not allowed, an empty list is. */
export const isCidrList = (text: string): boolean =>
  text === "" || text.split(",").every((part) => isCidr(part.trim()));

/** A DNS name of lower-case labels, such as a cluster or trust domain. */
export function isDomain(text: string): boolean {
  return text.length <= 253 && /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/.test(text);
}
