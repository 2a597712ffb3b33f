/** One nftables table as data: what both the text form and the kernel's binary form are made from. nft(8) */

/** What a packet must be for a rule to apply. */
export type Match =
  | { readonly kind: "tcp" }
  /** Sent by a socket of this user or group. */
  | { readonly kind: "user" | "group"; readonly id: number }
  /** The firewall mark's bits under `mask`. */
  | { readonly kind: "mark"; readonly mask: number; readonly value: number }
  /** Leaves by the interface; at most 15 characters. */
  | { readonly kind: "output-interface"; readonly name: string }
  /** TCP to a destination port, inclusive. */
  | { readonly kind: "tcp-ports"; readonly from: number; readonly to: number }
  /** Comes from the network; `address` is 4 or 16 bytes, `cidr` its text. */
  | { readonly kind: "source"; readonly cidr: string; readonly address: Uint8Array; readonly prefix: number };

/** What happens to a packet that matches. */
export type Verdict =
  | { readonly kind: "return" }
  | { readonly kind: "jump"; readonly chain: string }
  /** To a port of this host. */
  | { readonly kind: "redirect"; readonly port: number };

export interface Rule {
  readonly match: Match;
  readonly verdict: Verdict;
  /** At most 127 characters. */
  readonly comment: string;
}

export interface Chain {
  readonly name: string;
  /** Where the kernel calls it, as a NAT chain of priority "dstnat"; null: only jumped to. */
  readonly hook: "prerouting" | "output" | null;
  readonly rules: readonly Rule[];
}

export interface Table {
  /** "inet" takes IPv4 and IPv6. */
  readonly family: "ip" | "inet";
  readonly name: string;
  readonly chains: readonly Chain[];
}

/** The priority of the NAT chains: NF_IP_PRI_NAT_DST, "dstnat". */
export const natPriority = -100;
