/** Subject alternative names (RFC 5280 §4.2.1.6). */
import { MeshError } from "../errors.ts";
import { formatIp, parseIp } from "../net-addr.ts";
import { boolean, der, DerReader, octetString, oid, sequence, tags } from "./der.ts";

export const oidAltNames = "2.5.29.17";

export interface AltNames {
  readonly dns: readonly string[];
  readonly uri: readonly string[];
  readonly ip: readonly string[];
  /** Whether there are names of any other kind (mail, directory name …) or names that can't be read. */
  readonly others: boolean;
}

export const noAltNames: AltNames = { dns: [], uri: [], ip: [], others: false };

const dnsTag = 0x82;
const uriTag = 0x86;
const ipTag = 0x87;
/** [3] EXPLICIT Extensions of TBSCertificate. */
const extensionsTag = 0xa3;

/** Reads the value of the extension (inside its OCTET STRING). */
export function readAltNames(value: Uint8Array): AltNames {
  const outer = new DerReader(value);
  const names = outer.enter(tags.sequence);
  outer.end();
  const dns: string[] = [];
  const uri: string[] = [];
  const ip: string[] = [];
  let others = false;
  const latin1 = new TextDecoder("latin1");
  while (!names.done) {
    const name = names.any();
    // IA5String is ASCII; a name with any other byte, NUL above all, must not be taken for something it resembles.
    const plain = name.content.length > 0 && name.content.every((byte) => byte > 0x20 && byte < 0x7f);
    if (plain && name.tag === dnsTag) dns.push(latin1.decode(name.content));
    else if (plain && name.tag === uriTag) uri.push(latin1.decode(name.content));
    else if (name.tag === ipTag && (name.content.length === 4 || name.content.length === 16))
      ip.push(formatIp(name.content));
    else others = true;
  }
  return { dns, uri, ip, others };
}

/** The whole extension. `names` must not be empty. */
export function altNamesExtension(names: {
  readonly dns?: readonly string[];
  readonly uri?: readonly string[];
  readonly ip?: readonly string[];
  readonly critical?: boolean;
}): Uint8Array {
  const { dns = [], uri = [], ip = [], critical = false } = names;
  const encoder = new TextEncoder();
  const entries = [
    ...dns.map((name) => der(dnsTag, encoder.encode(name))),
    ...uri.map((name) => der(uriTag, encoder.encode(name))),
    ...ip.map((name) => der(ipTag, addressOf(name))),
  ];
  return sequence(oid(oidAltNames), ...(critical ? [boolean(true)] : []), octetString(sequence(...entries)));
}

function addressOf(ip: string): Uint8Array {
  const bytes = parseIp(ip);
  if (bytes === null) throw new MeshError("invalid-argument", `"${ip}" is not an IP address`);
  return bytes;
}

/** The alternative names of a DER certificate; none when it has no such extension. Runs once per TLS handshake, so it reads nothing else. */
export function certificateAltNames(certificate: Uint8Array): AltNames {
  const body = new DerReader(certificate).enter(tags.sequence).enter(tags.sequence);
  let value: Uint8Array | undefined;
  while (!body.done) {
    const element = body.any();
    if (element.tag === extensionsTag) {
      value = readExtensions(new DerReader(element.content).enter(tags.sequence)).get(oidAltNames);
    }
  }
  return value === undefined ? noAltNames : readAltNames(value);
}

/** Reads `SEQUENCE OF Extension` from inside the SEQUENCE. */
export function readExtensions(list: DerReader): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  while (!list.done) {
    const extension = list.enter(tags.sequence);
    const id = extension.oid();
    extension.optional(tags.boolean);
    const value = extension.expect(tags.octetString).content;
    extension.end();
    if (found.has(id)) throw twice(id);
    found.set(id, value);
  }
  return found;
}

function twice(id: string): MeshError {
  return new MeshError("invalid-argument", `Extension "${id}" comes twice`);
}
