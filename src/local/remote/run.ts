/** `linkerd local node`: the pods, Services and names of a cluster whose API server and controllers run elsewhere. */
import { mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { systemClock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import { createLog, type Log, stderrSink } from "#lib/log.ts";
import { systemRandom } from "#lib/random.ts";
import { version } from "#lib/version.ts";
import { encodePem } from "#lib/x509/pem.ts";
import { createLeaf, createRoot, validFor } from "#lib/x509/sign.ts";
import { KubeClient } from "#kube/client.ts";
import { loadClusterAccess } from "#kube/config.ts";
import { resources } from "../api/resource-ref.ts";
import type { RemoteNodeCommand } from "../config.ts";
import { dnsService, ensureClusterService } from "../controllers/cluster-services.ts";
import { startDns } from "../dns/server.ts";
import { protectHost } from "../host-protection.ts";
import type { Mode } from "../launcher/capability.ts";
import { findSelf, selfCommand } from "../launcher/self.ts";
import { AddressPool, nodeIp } from "../network/addresses.ts";
import { prepareNode } from "../network/pod-link.ts";
import { ServiceProxy } from "../network/service-proxy.ts";
import { machineCapacity, NodeRegistration } from "../node/node-registration.ts";
import { Node, nodeName } from "../node/node.ts";
import { run } from "../run.ts";
import { KubeletServer } from "./kubelet-server.ts";
import { RemoteClient } from "./remote-client.ts";

/** ms; controllers give a node up after 50 s of silence. */
const heartbeat = 10_000;
const runFolder = "/run/linkerd-local";

/** Runs until SIGTERM or SIGINT. Its mounts are its own: it starts itself again in a mount namespace. */
export async function runRemoteNode(command: RemoteNodeCommand, argv: readonly string[]): Promise<number> {
  if (leadsOut(file("/proc/net/route"))) {
    throw new MeshError(
      "environment",
      "The node would take over this machine's own network; start it, and the API server, in a network namespace made for them (unshare --net)",
    );
  }
  if (!command.inside) return await again(argv);
  const log = createLog(stderrSink(command.logLevel), "linkerd::local");
  process.on("uncaughtException", (thrown) => log.error("A bug: an exception was not handled", {}, thrown));
  process.on("unhandledRejection", (thrown) => log.error("A bug: a rejection was not handled", {}, thrown));
  const told = new Promise<string>((done) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => done(signal));
  });
  const stop = await start(command, log);
  log.info("The node is ready", { name: nodeName });
  log.info(`Got ${await told}, stopping`);
  stop();
  return 0;
}

/** Whether the routes (/proc/net/route) lead out of the machine: then the network is not one made for a node. */
export function leadsOut(routes: string): boolean {
  return routes
    .split("\n")
    .slice(1)
    .map((line) => line.split("\t"))
    .some(([, destination, gateway]) => destination === "00000000" && gateway !== undefined && gateway !== "00000000");
}

async function again(argv: readonly string[]): Promise<number> {
  const self = findSelf();
  const child = Bun.spawn(
    // The process namespace ends all pods together with the node.
    [
      ...["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--mount-proc"],
      ...[
        "--kill-child=SIGKILL",
        "--propagation",
        "private",
        "--",
        "sh",
        "-c",
        'trap "kill \\$!" TERM INT; "$@" & wait $!; wait $!',
        "sh",
      ],
      ...selfCommand(self, self.root, ["local", ...argv, "--inside"]),
    ],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => child.kill("SIGKILL"));
  return await child.exited;
}

/** Who is who in this user namespace, from its map of users. */
function currentMode(): Mode {
  const lines = readFileSync("/proc/self/uid_map", "utf8").trim().split("\n");
  const users = lines.reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[2] ?? 0), 0);
  return users > 0xffff_0000 ? "root" : users >= 65_535 ? "subuid" : "single";
}

function file(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new MeshError("environment", `Reading "${path}" failed`, { cause });
  }
}

function servingCertificate({ certFile, keyFile }: RemoteNodeCommand): { certPem: string; keyPem: string } {
  if (certFile !== null && keyFile !== null) return { certPem: file(certFile), keyPem: file(keyFile) };
  const validity = validFor(systemClock.wall(), 365 * 24 * 3600 * 1000, 3600 * 1000);
  const leaf = createLeaf(createRoot("linkerd-local-node", validity), [nodeName, nodeIp], validity);
  return { certPem: encodePem("CERTIFICATE", leaf.certificate.der), keyPem: leaf.key.privateKeyPem };
}

async function start(command: RemoteNodeCommand, log: Log): Promise<() => void> {
  const clock = systemClock;
  const access = loadClusterAccess({ kubeconfig: command.kubeconfig, env: {}, clock });
  const clientCaPem = file(command.clientCaFile);
  const serving = servingCertificate(command);
  const folder = resolve(command.folder);
  const podLogs = join(folder, "pods");
  mkdirSync(podLogs, { recursive: true });
  await run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"]);
  mkdirSync("/run/netns");
  mkdirSync(runFolder);
  await Promise.all([protectHost([folder]), prepareNode()]);

  const client = new RemoteClient({ client: new KubeClient(access), clock, random: systemRandom, log }, nodeName);
  await client.ready();
  const node = new Node(
    {
      client,
      clock,
      mode: currentMode(),
      self: findSelf(),
      capacity: machineCapacity(),
      addresses: new AddressPool(),
      clusterDomain: command.clusterDomain,
      runFolder,
      logFolder: podLogs,
    },
    log.child("node"),
  );
  const server = new KubeletServer({
    ip: nodeIp,
    port: command.port,
    ...serving,
    clientCaPem,
    executor: node,
    findPod: (namespace, name) => client.get(resources.pods, namespace, name),
    clock,
    log: log.child("server"),
  });
  const serviceProxy = new ServiceProxy({ client, clock, log: log.child("services") });
  serviceProxy.start();
  const dns = await startDns({ client, ip: nodeIp, clusterDomain: command.clusterDomain, log: log.child("dns") });
  await ensureClusterService(client, dnsService);
  const registration = new NodeRegistration({ client, clock, log, version, heartbeat, port: server.port });
  await registration.start();
  node.start();
  return () => {
    node.stop();
    registration.stop();
    serviceProxy.stop();
    dns.stop();
    server.close();
    client.stop();
  };
}
