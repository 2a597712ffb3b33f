/** Distinguished names (RFC 5280 §4.1.2.4): this mesh uses only the common name. */
import { MeshError } from "../errors.ts";
import { der, DerReader, oid, sequence, tags, text } from "./der.ts";

const oidCommonName = "2.5.4.3";

/** A name of one common name. An empty one gives the empty name (identity then is in the alternative names alone). */
export function commonName(cn: string): Uint8Array {
  if (cn === "") return sequence();
  return sequence(der(tags.set, sequence(oid(oidCommonName), text(tags.utf8String, cn))));
}

/** The common name in a DER name, or null when there is none. Throws when there are several. */
export function readCommonName(name: Uint8Array): string | null {
  const names = new DerReader(name).enter(tags.sequence);
  let found: string | null = null;
  while (!names.done) {
    const set = names.enter(tags.set);
    while (!set.done) {
      const attribute = set.enter(tags.sequence);
      const id = attribute.oid();
      const value = attribute.any();
      attribute.end();
      if (id !== oidCommonName) continue;
      if (found !== null) throw new MeshError("invalid-argument", "A name with two common names");
      found = new TextDecoder().decode(value.content);
    }
  }
  return found;
}
