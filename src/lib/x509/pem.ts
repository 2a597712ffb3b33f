/** PEM text (RFC 7468). */
import { MeshError } from "../errors.ts";

export interface PemBlock {
  /** For example "CERTIFICATE" or "PRIVATE KEY". */
  readonly label: string;
  readonly der: Uint8Array;
}

export function encodePem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** Every block in order; text between blocks is ignored, as the format allows. Throws on a block that is not base64 or has no end. */
export function decodePem(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  const begin = /-----BEGIN ([A-Z0-9 ]+)-----/g;
  for (let match = begin.exec(text); match !== null; match = begin.exec(text)) {
    const label = match[1] ?? "";
    const end = text.indexOf(`-----END ${label}-----`, begin.lastIndex);
    if (end < 0) throw new MeshError("invalid-argument", `PEM block "${label}" has no end`);
    const body = text.slice(begin.lastIndex, end).replace(/\s+/g, "");
    if (body === "" || body.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(body)) {
      throw new MeshError("invalid-argument", `PEM block "${label}" is not base64`);
    }
    blocks.push({ label, der: new Uint8Array(Buffer.from(body, "base64")) });
    begin.lastIndex = end;
  }
  return blocks;
}

/** The DER of every certificate in a bundle, in order. Throws "invalid-argument" when there is none. */
export function decodeCertificates(bundle: string): Uint8Array[] {
  const found = decodePem(bundle).filter((block) => block.label === "CERTIFICATE");
  if (found.length === 0) throw new MeshError("invalid-argument", "The bundle contains no PEM certificate");
  return found.map((block) => block.der);
}
