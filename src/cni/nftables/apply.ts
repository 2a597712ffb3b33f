/** Reads and writes tables of the current network namespace, straight from the kernel: no program is needed. */
import { MeshError } from "#lib/errors.ts";
import { netlinkExchange, netlinkLimit, raiseCapability } from "#lib/net/libc.ts";
import { encodeQuery, encodeReplacement } from "./encode.ts";
import { type Answer, decodeAnswers } from "./netlink.ts";
import type { Table } from "./table.ts";

const netfilterFamily = 12;
const capNetAdmin = 12;
const errno = { notPermitted: 1, noEntry: 2, noFamily: 97, noProtocol: 93, notSupported: 95 } as const;

/** Sends bytes to the kernel's netfilter and gives its answers; replaced in tests. */
export type Exchange = (message: Uint8Array) => Uint8Array[] | number;

const kernel: Exchange = (message) => netlinkExchange(netfilterFamily, message);

function exchange(send: Exchange, message: Uint8Array, action: string): Answer[] {
  if (message.length > netlinkLimit) {
    throw new MeshError("resource-exhausted", `${action} failed: the rules are longer than ${netlinkLimit} bytes`);
  }
  const answers = send(message);
  if (typeof answers === "number") throw refusal(-answers, action);
  return answers.flatMap(decodeAnswers);
}

function refusal(code: number, action: string): MeshError {
  const details = { errno: code };
  if (code === errno.notPermitted) {
    return new MeshError(
      "environment",
      `${action} failed: the kernel does not permit it; it takes the capability NET_ADMIN, which a user other than root gets only when the program's file carries it (cap_net_admin=p)`,
      { details },
    );
  }
  if (code === errno.notSupported || code === errno.noProtocol || code === errno.noFamily || code === errno.noEntry) {
    return new MeshError(
      "environment",
      `${action} failed: this kernel lacks nf_tables or a part of it (error ${code}); it needs the modules nf_tables, nft_chain_nat and nft_redir`,
      { details },
    );
  }
  return new MeshError("environment", `${action} failed with the kernel's error ${code}`, { details });
}

/** Which of our tables there are: a run with IPv6 made "inet", one without made "ip". */
export function existingTables(name: string, send: Exchange = kernel): Pick<Table, "family" | "name">[] {
  raiseCapability(capNetAdmin);
  const found: Pick<Table, "family" | "name">[] = [];
  for (const family of ["ip", "inet"] as const) {
    const action = `Looking for the nftables table "${name}"`;
    const answers = exchange(send, encodeQuery(family, name), action);
    const failed = answers.find((answer) => (answer.errno ?? 0) !== 0);
    if (answers.length === 0) throw new MeshError("environment", `${action} failed: the kernel gave no answer`);
    if (failed === undefined) found.push({ family, name });
    // A kernel without the family has no such table either.
    else if (failed.errno !== errno.noEntry && failed.errno !== errno.notSupported && failed.errno !== errno.noFamily) {
      throw refusal(failed.errno ?? 0, action);
    }
  }
  return found;
}

function transact(send: Exchange, remove: Pick<Table, "family" | "name">[], table: Table | null, action: string): void {
  const { bytes, last } = encodeReplacement(remove, table);
  const answers = exchange(send, bytes, action);
  const failed = answers.find((answer) => (answer.errno ?? 0) !== 0);
  if (failed !== undefined) throw refusal(failed.errno ?? 0, action);
  if (!answers.some((answer) => answer.sequence === last && answer.errno === 0)) {
    throw new MeshError("environment", `${action} failed: the kernel gave no answer`);
  }
}

/** Puts the table in place of what an earlier run installed, in one transaction. */
export function installTable(table: Table, send: Exchange = kernel): void {
  transact(send, existingTables(table.name, send), table, "Installing the redirect rules");
}

/** Removes the table of that name; false when there is none. */
export function removeTable(name: string, send: Exchange = kernel): boolean {
  const existing = existingTables(name, send);
  if (existing.length > 0) transact(send, existing, null, "Removing the redirect rules");
  return existing.length > 0;
}
