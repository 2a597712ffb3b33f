/** Two hosts on one machine: a client and a server namespace joined by a cable, with the mesh's redirect rules. */
import { run } from "./process.ts";

export const client = { namespace: "lbench-client", ip: "10.201.7.1" } as const;
export const server = { namespace: "lbench-server", ip: "10.201.7.2" } as const;
/** The application's port, which the client's traffic is redirected from. */
export const appPort = 8080;
export const outboundPort = 4140;
export const inboundPort = 4143;
/** The user whose traffic is not redirected, as in a pod. */
export const proxyUid = 2102;

/** Makes the namespaces; what an earlier run left is removed first. */
export async function createWorld(): Promise<void> {
  await destroyWorld();
  for (const { namespace } of [client, server]) {
    await run(["ip", "netns", "add", namespace]);
    await run(["ip", "-n", namespace, "link", "set", "lo", "up"]);
  }
  await run([
    "ip",
    "link",
    "add",
    "lbench-c",
    "netns",
    client.namespace,
    "type",
    "veth",
    "peer",
    "name",
    "lbench-s",
    "netns",
    server.namespace,
  ]);
  for (const [host, link] of [
    [client, "lbench-c"],
    [server, "lbench-s"],
  ] as const) {
    await run(["ip", "-n", host.namespace, "addr", "add", `${host.ip}/24`, "dev", link]);
    await run(["ip", "-n", host.namespace, "link", "set", link, "up"]);
  }
}

export async function destroyWorld(): Promise<void> {
  const existing = await run(["ip", "netns", "list"]);
  for (const { namespace } of [client, server]) {
    if (new RegExp(`^${namespace}\\b`, "m").test(existing)) await run(["ip", "netns", "del", namespace]);
  }
}

/** Redirects the client's connections to the application into the proxy on port 4140, or stops doing so. */
export async function redirect(on: boolean): Promise<void> {
  const rules = on
    ? `table inet lbench
delete table inet lbench
table inet lbench {
  chain out {
    type nat hook output priority -100; policy accept;
    meta skuid ${proxyUid} return
    tcp dport ${appPort} redirect to :${outboundPort}
  }
}
`
    : "table inet lbench\ndelete table inet lbench\n";
  const path = `/tmp/lbench-${process.pid}.nft`;
  await Bun.write(path, rules);
  await run(["nft", "-f", path], client.namespace);
}
