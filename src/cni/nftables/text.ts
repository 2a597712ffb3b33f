/** A table in the language of nft(8), for `--simulate`, for logs and for `nft -f`. */
import { unreachable } from "#lib/errors.ts";
import { natPriority, type Chain, type Match, type Table, type Verdict } from "./table.ts";

function match(value: Match): string {
  switch (value.kind) {
    case "tcp":
      return "meta l4proto tcp";
    case "user":
      return `meta skuid ${value.id}`;
    case "group":
      return `meta skgid ${value.id}`;
    case "mark":
      return `meta mark & 0x${value.mask.toString(16)} == 0x${value.value.toString(16)}`;
    case "output-interface":
      return `oifname "${value.name}"`;
    case "tcp-ports":
      return `tcp dport ${value.from === value.to ? value.from : `${value.from}-${value.to}`}`;
    case "source":
      return `${value.address.length === 4 ? "ip" : "ip6"} saddr ${value.cidr}`;
    default:
      return unreachable(value);
  }
}

function verdict(value: Verdict): string {
  switch (value.kind) {
    case "return":
      return "return";
    case "jump":
      return `jump ${value.chain}`;
    case "redirect":
      return `redirect to :${value.port}`;
    default:
      return unreachable(value);
  }
}

function chain({ name, hook, rules }: Chain): string {
  const lines = rules.map((rule) => `    ${match(rule.match)} ${verdict(rule.verdict)} comment "${rule.comment}"`);
  if (hook !== null) lines.unshift(`    type nat hook ${hook} priority ${natPriority}; policy accept;`);
  return [`  chain ${name} {`, ...lines, "  }"].join("\n");
}

/** Replaces the table of that name, in one transaction. */
export function tableText(table: Table): string {
  const head = `table ${table.family} ${table.name}`;
  return `${head}\ndelete ${head}\n${head} {\n${table.chains.map(chain).join("\n")}\n}\n`;
}
