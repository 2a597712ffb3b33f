/** Lists of `{cidr, except[]}`. */
import { MeshError } from "#lib/errors.ts";
import { type Cidr, containsIp, parseCidr } from "#lib/net-addr.ts";
import type { Field } from "../field.ts";

export function checkNetworks(networks: Field): void {
  for (const network of networks.items()) {
    network.object(["cidr", "except"]);
    const cidr = readCidr(network.at("cidr").required());
    for (const field of network.at("except").items()) {
      const except = readCidr(field);
      if (cidr === null || except === null) continue;
      if (contains(except, cidr)) field.problem(`"${String(field.value)}" leaves nothing of its network`);
      else if (!contains(cidr, except)) field.problem(`"${String(field.value)}" is not a part of its network`);
    }
  }
}

/** Null when it is absent or none. */
export function readCidr(field: Field): Cidr | null {
  const text = field.text();
  if (text === null) return null;
  try {
    return parseCidr(text);
  } catch (thrown) {
    if (!(thrown instanceof MeshError)) throw thrown;
    field.problem(thrown.message);
    return null;
  }
}

function contains(outer: Cidr, inner: Cidr): boolean {
  return outer.prefix <= inner.prefix && containsIp(outer, inner.bytes);
}
