/** Two hosts on one machine: a client and a server namespace joined by a cable, with the mesh's redirect rules. */
import { run } from "./process.ts";

export const client = { namespace: "lbench-client", ip: "10.201.7.1" } as const;
export const server = { namespace: "lbench-server", ip: "10.201.7.2" } as const;
/** The application's port, which the client's traffic is redirected from. */
export const appPort = 8080;
/** The port of the application that echoes bytes and keeps idle connections, or sends them without end. */
export const echoPort = 8081;
/** HTTP/2 in plaintext, and gRPC. */
export const http2Port = 8082;
export const grpcPort = 8083;
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

/** Removes the namespaces and whatever still runs in them. */
export async function destroyWorld(): Promise<void> {
  const existing = await run(["ip", "netns", "list"]);
  for (const { namespace } of [client, server]) {
    if (!new RegExp(`^${namespace}\\b`, "m").test(existing)) continue;
    for (const pid of (await run(["ip", "netns", "pids", namespace])).split("\n").filter((line) => line !== "")) {
      try {
        process.kill(Number(pid), "SIGKILL");
      } catch {
        // It ended by itself meanwhile.
      }
    }
    await run(["ip", "netns", "del", namespace]);
  }
}

/** Redirects the client's connections to the applications into a proxy's port, or into none. */
export async function redirect(outbound: number | null): Promise<void> {
  const rule =
    outbound === null ? "" : `meta skuid ${proxyUid} return; tcp dport ${appPort}-${grpcPort} redirect to :${outbound}`;
  // Declared, deleted and made again in one transaction: no connection falls between two states.
  const rules = `table inet lbench
delete table inet lbench
table inet lbench {
  chain out {
    type nat hook output priority -100; policy accept;
    ${rule}
  }
}
`;
  await run(["nft", rules], client.namespace);
}
