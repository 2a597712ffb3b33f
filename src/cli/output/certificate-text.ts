/** A certificate in the words of `openssl x509 -text`, as far as operators look for them. */
import { createHash, X509Certificate } from "node:crypto";
import type { Certificate } from "#lib/x509/certificate.ts";

export function certificateText(certificate: Certificate): string {
  const native = new X509Certificate(certificate.der);
  const names = [...certificate.dnsNames.map((name) => `DNS:${name}`), ...certificate.uris.map((uri) => `URI:${uri}`)];
  const lines = [
    "Certificate:",
    "    Data:",
    `        Serial Number: ${colons(certificate.serial)}`,
    `        Issuer: ${native.issuer.replaceAll("\n", ", ")}`,
    "        Validity",
    `            Not Before: ${gmt(certificate.notBefore)}`,
    `            Not After : ${gmt(certificate.notAfter)}`,
    `        Subject: ${native.subject?.replaceAll("\n", ", ") ?? ""}`,
    "        Subject Public Key Info:",
    `            Public Key Algorithm: ${certificate.keyType}`,
    "        X509v3 extensions:",
    "            X509v3 Basic Constraints: critical",
    `                CA:${certificate.isCa ? "TRUE" : "FALSE"}`,
  ];
  if (native.keyUsage !== undefined) {
    lines.push("            X509v3 Extended Key Usage:", `                ${native.keyUsage.join(", ")}`);
  }
  if (names.length > 0)
    lines.push("            X509v3 Subject Alternative Name:", `                ${names.join(", ")}`);
  lines.push(`    SHA-256 Fingerprint: ${colons(createHash("sha256").update(certificate.der).digest("hex"))}`);
  return `${lines.join("\n")}\n`;
}

function colons(hex: string): string {
  return (hex.match(/../g) ?? []).join(":");
}

/** "Nov 24 05:52:11 2026 GMT" */
function gmt(time: number): string {
  const [, day = "", month = "", year = "", clock = ""] = new Date(time).toUTCString().split(" ");
  return `${month} ${day} ${clock} ${year} GMT`;
}
