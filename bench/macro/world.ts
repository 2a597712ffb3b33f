/** Two hosts on one machine: a client and a server namespace joined by a cable, with the mesh's redirect rules. */
import { joinHosts, ownHost, removeHosts } from "./hosts.ts";
import { run } from "./process.ts";

export const client = { namespace: ownHost("lbench-client"), ip: "10.201.7.1" } as const;
export const server = { namespace: ownHost("lbench-server"), ip: "10.201.7.2" } as const;
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
  await joinHosts(
    { namespace: client.namespace, link: "lbench-c", ips: [client.ip] },
    { namespace: server.namespace, link: "lbench-s", ips: [server.ip] },
  );
}

/** Removes the namespaces and whatever still runs in them, also those of a run that was killed. */
export const destroyWorld = (): Promise<void> => removeHosts("lbench-client", "lbench-server");

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
