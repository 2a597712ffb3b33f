import type { Field } from "../field.ts";

const label = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";
const dnsName = new RegExp(`^(\\*|(\\*\\.)?${label}(\\.${label})*)$`);
/** https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md#2-spiffe-identity : a trust domain, then segments without dots alone. */
const spiffeId = /^spiffe:\/\/[a-z0-9._-]{1,255}(\/[A-Za-z0-9._-]+)*$/;

/** Who a client must be: a DNS name, `*`, `*.` and the end of one, or a SPIFFE id. */
export function checkIdentity(field: Field, spiffe: "spiffe-too" | "dns-only"): void {
  const text = field.text();
  if (text === null) return;
  if (spiffe === "spiffe-too" && text.startsWith("spiffe:")) {
    const segments = text.slice("spiffe://".length).split("/").slice(1);
    if (text.length > 2048 || !spiffeId.test(text) || segments.includes(".") || segments.includes("..")) {
      field.problem(`"${text}" is not a SPIFFE id such as spiffe://trust-domain/path`);
    }
    return;
  }
  if (text.length > 253 || !dnsName.test(text)) {
    field.problem(`"${text}" is not an identity: a DNS name, "*" or "*." and the end of one`);
  }
}
