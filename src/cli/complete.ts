/** `linkerd __complete WORDS…`: what the scripts of `linkerd completion` ask the executable. */
import type { Command } from "commander";
import { MeshError } from "#lib/errors.ts";
import { resources } from "#kube/resource.ts";
import { resourceKinds } from "#viz/client/resource-kinds.ts";
import { cluster } from "./cluster.ts";
import { findEntry } from "./command-table.ts";
import type { Context } from "./globals.ts";

/** What may stand where the last of `words` (maybe empty, maybe half typed) stands. */
export async function candidates(root: Command, words: readonly string[], context: Context): Promise<string[]> {
  const typed = words[words.length - 1] ?? "";
  const before = words.slice(0, -1);
  let command = root;
  for (const word of before) {
    const next = command.commands.find((child) => child.name() === word || child.aliases().includes(word));
    if (next !== undefined) command = next;
  }
  const previous = before[before.length - 1] ?? "";
  let found: string[];
  if (["-n", "--namespace", "--to-namespace", "--from-namespace", "-L", "--linkerd-namespace"].includes(previous)) {
    found = await namespaces(context);
  } else if (["-o", "--output"].includes(previous)) {
    found = ["table", "wide", "json", "yaml", "short"];
  } else if (typed.startsWith("-")) {
    const own = [command, ...ancestors(command)].flatMap((each) => each.options);
    found = own.filter((option) => !option.hidden).map((option) => option.long ?? option.short ?? "");
  } else if (command.commands.length > 0) {
    found = command.commands.map((child) => child.name()).filter((name) => findEntry(name)?.group !== null);
  } else {
    found = command.registeredArguments.some((argument) => argument.name() === "resource") ? [...resourceKinds] : [];
  }
  return [...new Set(found)].filter((candidate) => candidate.startsWith(typed)).toSorted();
}

function ancestors(command: Command): Command[] {
  const parents: Command[] = [];
  for (let current = command.parent; current !== null; current = current.parent) parents.push(current);
  return parents;
}

/** Names of namespaces; none when the cluster can't be asked, since a completion must not print errors. */
async function namespaces(context: Context): Promise<string[]> {
  try {
    const { items } = await cluster(context).list(resources.namespaces);
    return items.map((item) => item.metadata.name);
  } catch (error) {
    if (error instanceof MeshError) return [];
    throw error;
  }
}
