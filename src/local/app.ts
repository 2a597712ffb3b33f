/** Everything inside the sandbox: network → store → API server → controllers, DNS, Service rules, node. */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "#lib/clock.ts";
import type { Log } from "#lib/log.ts";
import { version } from "#lib/version.ts";
import { createApi } from "./api/app.ts";
import { startControllers } from "./controllers/app.ts";
import { clusterCredentials, kubeconfig } from "./credentials.ts";
import { startDns } from "./dns/server.ts";
import { protectHost } from "./host-protection.ts";
import type { NodeSettings } from "./launcher/protocol.ts";
import { findSelf } from "./launcher/self.ts";
import { AddressPool, apiPort, nodeIp } from "./network/addresses.ts";
import { prepareNode } from "./network/pod-link.ts";
import { ServiceProxy } from "./network/service-proxy.ts";
import { machineCapacity, NodeRegistration } from "./node/node-registration.ts";
import { Node } from "./node/node.ts";
import { run } from "./run.ts";
import { openSqlite } from "./store/sqlite.ts";
import { Store } from "./store/store.ts";

const runFolder = "/run/linkerd-local";
/** Descriptor of the host's listening socket. */
const hostListener = 3;

export interface LocalNode {
  stop(): void;
}

/** Starts the cluster inside the sandbox. `progress` tells the user what was reached. */
export async function startNode(
  settings: NodeSettings,
  context: { readonly clock: Clock; readonly log: Log; readonly progress: (text: string) => void },
): Promise<LocalNode> {
  const { clock, log } = context;
  await run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"]);
  mkdirSync("/run/netns");
  mkdirSync(runFolder);
  const [unprotected] = await Promise.all([protectHost([settings.statePath]), prepareNode()]);
  if (unprotected.length > 0)
    log.warn("Some of the host's mounts stay writable for containers", { mounts: unprotected.join(" ") });

  const credentials = clusterCredentials(settings.persist, clock.wall(), settings.clusterDomain);
  const store = new Store({
    persistence: settings.persist === null ? null : openSqlite(join(settings.persist, "objects.sqlite")),
  });
  const api = await createApi({
    store,
    clock,
    log: log.child("api"),
    tokenKeyPem: credentials.tokenKeyPem,
    frontProxy: credentials.frontProxy,
    staticTokens: new Map([
      [credentials.adminToken, { name: "kubernetes-admin", groups: ["system:masters", "system:authenticated"] }],
    ]),
  });
  const listener = api.listen({ ip: "0.0.0.0", port: apiPort }, credentials);
  const relay = api.adopt(hostListener, listener);
  const { client } = api;

  const registration = new NodeRegistration({ client, clock, log, version });
  await registration.start();
  const controllers = await startControllers({
    client,
    store,
    clock,
    log: log.child("controllers"),
    caPem: credentials.caPem,
  });
  const serviceProxy = new ServiceProxy({ client, clock, log: log.child("services") });
  serviceProxy.start();
  const dns = await startDns({ client, ip: nodeIp, clusterDomain: settings.clusterDomain, log: log.child("dns") });
  const node = new Node(
    {
      client,
      clock,
      mode: settings.mode,
      self: findSelf(),
      capacity: machineCapacity(),
      addresses: new AddressPool(),
      clusterDomain: settings.clusterDomain,
      runFolder,
      logFolder: settings.podLogs,
    },
    log.child("node"),
  );
  api.setExecutor(node);
  node.start();

  // Written last and in one step: whoever finds it can use it.
  writeFileSync(`${settings.kubeconfig}.new`, kubeconfig(settings.name, settings.port, credentials), { mode: 0o600 });
  renameSync(`${settings.kubeconfig}.new`, settings.kubeconfig);
  return {
    stop() {
      node.stop();
      controllers.stop();
      serviceProxy.stop();
      dns.stop();
      registration.stop();
      relay.close();
    },
  };
}
