/**
 * A table as the kernel's nf_tables takes it: one batch of netlink messages, applied whole or not at all.
 *
 * The numbers are those of linux/netfilter/nf_tables.h. A rule is a list of expressions that load something into a
 * register, compare it, and end in a verdict; `nft --debug=netlink list ruleset` prints the same lists.
 */
import { MeshError, unreachable } from "#lib/errors.ts";
import { type Attribute, encodeMessage, hostU32, type Message, requestFlags, text, u16, u32 } from "./netlink.ts";
import { natPriority, type Chain, type Match, type Rule, type Table, type Verdict } from "./table.ts";

const subsystem = 10;
const batchBegin = 0x10;
const batchEnd = 0x11;
const messages = { newTable: 0, getTable: 1, deleteTable: 2, newChain: 3, newRule: 6 } as const;

/** Address families as netfilter numbers them. */
export const families = { inet: 1, ip: 2 } as const;
const ipv4 = 2;
const ipv6 = 10;
const tcp = 6;

const hooks = { prerouting: 0, output: 3 } as const;
const acceptPolicy = 1;

const metaKeys = { mark: 3, outputInterface: 7, user: 10, group: 11, family: 15, protocol: 16 } as const;
const networkHeader = 1;
const transportHeader = 2;
const compare = { equal: 0, atMost: 3, atLeast: 5 } as const;
const verdictCodes = { return: -5, jump: -3 } as const;
/** All expressions of ours use the first data register; register 0 is the verdict's. */
const register = u32(1);
const verdictRegister = u32(0);

/** Bytes of an interface name in the kernel. */
const interfaceNameSize = 16;
/** Bytes of user data that a rule may carry, less the header of a comment and its end. */
const commentLimit = 127;

function expression(name: string, attributes: readonly Attribute[]): Attribute {
  return [
    1,
    [
      [1, text(name)],
      [2, attributes],
    ],
  ];
}

const data = (bytes: Uint8Array): readonly Attribute[] => [[1, bytes]];

function meta(key: number): Attribute {
  return expression("meta", [
    [2, u32(key)],
    [1, register],
  ]);
}

function payload(base: number, offset: number, size: number): Attribute {
  return expression("payload", [
    [1, register],
    [2, u32(base)],
    [3, u32(offset)],
    [4, u32(size)],
  ]);
}

function cmp(operator: number, value: Uint8Array): Attribute {
  return expression("cmp", [
    [1, register],
    [2, u32(operator)],
    [3, data(value)],
  ]);
}

function mask(bits: Uint8Array): Attribute {
  return expression("bitwise", [
    [1, register],
    [2, register],
    [3, u32(bits.length)],
    [4, data(bits)],
    [5, data(new Uint8Array(bits.length))],
  ]);
}

/** The first `prefix` bits set in `size` bytes. */
export function prefixMask(prefix: number, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => {
    const bits = Math.min(8, Math.max(0, prefix - index * 8));
    return (0xff << (8 - bits)) & 0xff;
  });
}

function sourceMatch(address: Uint8Array, prefix: number, table: Table): Attribute[] {
  const version = address.length === 4 ? ipv4 : ipv6;
  const bits = prefixMask(prefix, address.length);
  return [
    // In a table for one family the kernel knows already which it is.
    ...(table.family === "inet" ? [meta(metaKeys.family), cmp(compare.equal, Uint8Array.of(version))] : []),
    payload(networkHeader, version === ipv4 ? 12 : 8, address.length),
    ...(prefix < address.length * 8 ? [mask(bits)] : []),
    cmp(
      compare.equal,
      address.map((byte, index) => byte & (bits[index] ?? 0)),
    ),
  ];
}

function matchExpressions(match: Match, table: Table): Attribute[] {
  const isTcp = [meta(metaKeys.protocol), cmp(compare.equal, Uint8Array.of(tcp))];
  switch (match.kind) {
    case "tcp":
      return isTcp;
    case "user":
      return [meta(metaKeys.user), cmp(compare.equal, hostU32(match.id))];
    case "group":
      return [meta(metaKeys.group), cmp(compare.equal, hostU32(match.id))];
    case "mark":
      return [meta(metaKeys.mark), mask(hostU32(match.mask)), cmp(compare.equal, hostU32(match.value))];
    case "output-interface": {
      const name = new Uint8Array(interfaceNameSize);
      name.set(Buffer.from(match.name, "latin1").subarray(0, interfaceNameSize - 1));
      return [meta(metaKeys.outputInterface), cmp(compare.equal, name)];
    }
    case "tcp-ports":
      return [
        ...isTcp,
        payload(transportHeader, 2, 2),
        ...(match.from === match.to
          ? [cmp(compare.equal, u16(match.from))]
          : [cmp(compare.atLeast, u16(match.from)), cmp(compare.atMost, u16(match.to))]),
      ];
    case "source":
      return sourceMatch(match.address, match.prefix, table);
    default:
      return unreachable(match);
  }
}

function verdictExpressions(verdict: Verdict): Attribute[] {
  switch (verdict.kind) {
    case "return":
      return [verdictExpression([[1, u32(verdictCodes.return)]])];
    case "jump":
      return [
        verdictExpression([
          [1, u32(verdictCodes.jump)],
          [2, text(verdict.chain)],
        ]),
      ];
    case "redirect":
      return [
        expression("immediate", [
          [1, register],
          [2, data(u16(verdict.port))],
        ]),
        expression("redir", [[1, register]]),
      ];
    default:
      return unreachable(verdict);
  }
}

function verdictExpression(attributes: readonly Attribute[]): Attribute {
  return expression("immediate", [
    [1, verdictRegister],
    [2, [[2, attributes]]],
  ]);
}

function ruleAttributes(table: Table, chain: Chain, rule: Rule): Attribute[] {
  const comment = text(rule.comment);
  if (rule.comment.length > commentLimit) {
    throw new MeshError("internal", `The comment "${rule.comment}" is longer than ${commentLimit} characters`);
  }
  return [
    [1, text(table.name)],
    [2, text(chain.name)],
    [4, [...matchExpressions(rule.match, table), ...verdictExpressions(rule.verdict)]],
    // User data: type 0 is nft's comment.
    [7, Uint8Array.of(0, comment.length, ...comment)],
  ];
}

function chainAttributes(table: Table, chain: Chain): Attribute[] {
  const attributes: Attribute[] = [
    [1, text(table.name)],
    [3, text(chain.name)],
  ];
  if (chain.hook === null) return attributes;
  return [
    ...attributes,
    [
      4,
      [
        [1, u32(hooks[chain.hook])],
        [2, u32(natPriority)],
      ],
    ],
    [5, u32(acceptPolicy)],
    [7, text("nat")],
  ];
}

function command(message: number, family: number, flags: number, attributes: Attribute[]): Omit<Message, "sequence"> {
  return { type: (subsystem << 8) | message, family, flags, attributes };
}

function batch(commands: readonly Omit<Message, "sequence">[]): Uint8Array {
  const mark = (type: number, sequence: number): Message => ({
    type,
    sequence,
    flags: 0,
    family: 0,
    resource: subsystem,
    attributes: [],
  });
  const last = commands.length;
  return Buffer.concat([
    encodeMessage(mark(batchBegin, 0)),
    ...commands.map((one, index) =>
      encodeMessage({
        ...one,
        sequence: index + 1,
        // Errors come unasked; one acknowledgement says that the end was reached.
        flags: one.flags | (index + 1 === last ? requestFlags.acknowledge : 0),
      }),
    ),
    encodeMessage(mark(batchEnd, last + 1)),
  ]);
}

/** Asks whether the table exists: answered by the table or by ENOENT. */
export function encodeQuery(family: Table["family"], name: string): Uint8Array {
  return encodeMessage({
    ...command(messages.getTable, families[family], requestFlags.acknowledge, [[1, text(name)]]),
    sequence: 1,
  });
}

/** A batch that removes the tables `remove`, all of which must exist, and then adds `table` if there is one. */
export function encodeReplacement(
  remove: readonly Pick<Table, "family" | "name">[],
  table: Table | null,
): { readonly bytes: Uint8Array; readonly last: number } {
  const commands = remove.map(({ family, name }) =>
    command(messages.deleteTable, families[family], 0, [[1, text(name)]]),
  );
  if (table !== null) {
    const family = families[table.family];
    commands.push(command(messages.newTable, family, requestFlags.create, [[1, text(table.name)]]));
    for (const chain of table.chains) {
      commands.push(command(messages.newChain, family, requestFlags.create, chainAttributes(table, chain)));
    }
    for (const chain of table.chains) {
      for (const rule of chain.rules) {
        const flags = requestFlags.create | requestFlags.append;
        commands.push(command(messages.newRule, family, flags, ruleAttributes(table, chain, rule)));
      }
    }
  }
  return { bytes: batch(commands), last: commands.length };
}
