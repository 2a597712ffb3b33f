/** Hosts on one machine: network namespaces, two of them joined by a cable. */
import { existsSync } from "node:fs";
import { run } from "./process.ts";

export interface Host {
  readonly namespace: string;
  /** The name of its end of the cable. */
  readonly link: string;
  readonly ips: readonly string[];
}

/** Makes both with their addresses, in one network of 24 bits. */
export async function joinHosts(a: Host, b: Host): Promise<void> {
  for (const { namespace } of [a, b]) {
    await run(["ip", "netns", "add", namespace]);
    await run(["ip", "-n", namespace, "link", "set", "lo", "up"]);
  }
  const [near, far] = [
    [a.link, "netns", a.namespace],
    [b.link, "netns", b.namespace],
  ] as const;
  await run(["ip", "link", "add", ...near, "type", "veth", "peer", "name", ...far]);
  for (const { namespace, link, ips } of [a, b]) {
    for (const ip of ips) await run(["ip", "-n", namespace, "addr", "add", `${ip}/24`, "dev", link]);
    await run(["ip", "-n", namespace, "link", "set", link, "up"]);
  }
}

/** The name of a host of this process, so that runs do not meet. */
export const ownHost = (name: string): string => `${name}-${process.pid}`;

/** Removes hosts of these names that this process made, or one that is gone, with whatever still runs in them. */
export async function removeHosts(...names: readonly string[]): Promise<void> {
  const listed = await run(["ip", "netns", "list"]);
  for (const [namespace, name = "", owner] of listed.matchAll(/^(\S+)-(\d+)\b/gm)) {
    if (!names.includes(name)) continue;
    if (Number(owner) === process.pid || !existsSync(`/proc/${owner}`)) await removeHost(namespace);
  }
}

async function removeHost(namespace: string): Promise<void> {
  for (const pid of (await run(["ip", "netns", "pids", namespace])).split("\n").filter((line) => line !== "")) {
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // It ended by itself meanwhile.
    }
  }
  await run(["ip", "netns", "del", namespace]);
}
