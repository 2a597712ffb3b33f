import { type Cidr, parseCidr } from "#lib/net-addr.ts";

export interface NetworkSpec {
  readonly cidr: string;
  readonly except?: readonly string[];
}

/** A network, and the parts of it that don't count. */
export interface NetworkRange {
  readonly net: Cidr;
  readonly except: readonly Cidr[];
}

export function networksOf(networks: readonly NetworkSpec[]): NetworkRange[] {
  return networks.map(({ cidr, except = [] }) => ({ net: parseCidr(cidr), except: except.map(parseCidr) }));
}

export const everywhere: readonly NetworkRange[] = networksOf([{ cidr: "0.0.0.0/0" }, { cidr: "::/0" }]);
