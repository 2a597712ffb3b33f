import { readFileSync } from "node:fs";
import { serveAdmin } from "#lib/admin-server.ts";
import { systemClock } from "#lib/clock.ts";
import { asMeshError, errorChain, MeshError } from "#lib/errors.ts";
import { createLog, type Log, stderrSink } from "#lib/log.ts";
import { registerProcessMetrics } from "#lib/metrics/process.ts";
import { Registry } from "#lib/metrics/registry.ts";
import { systemRandom } from "#lib/random.ts";
import { KubeClient } from "#kube/client.ts";
import { inClusterAccess } from "#kube/config.ts";
import { Installer, removeFromNode } from "./app.ts";
import { type InstallerConfig, readConfig, readRemoval } from "./config.ts";
import { type Ending, type RemovalWatch, watchRemoval, whyWeStop } from "./ending.ts";
import type { PluginAccess } from "./kubeconfig.ts";

const account = "/var/run/secrets/kubernetes.io/serviceaccount";
/** ms for the question at the end; the kubelet gives us 30 s. */
const endingLimit = 10_000;

/** Our own credentials: the kubelet renews the token in the file. */
function ownAccess(): PluginAccess {
  const { server, caPem } = inClusterAccess(process.env, { clock: systemClock });
  if (caPem === undefined) throw new MeshError("environment", `The certificate "${account}/ca.crt" is not mounted`);
  return { server, caPem, token: readFileSync(`${account}/token`, "utf8").trim() };
}

/** What was heard counts before what is said now: our rights may be gone already. */
async function ending({ daemonSet }: InstallerConfig, heard: RemovalWatch | null): Promise<Ending> {
  if (daemonSet === null) return { kind: "pause", reason: "LINKERD_CNI_DAEMONSET is not set" };
  const reason = heard?.reason.get() ?? null;
  if (reason !== null) return { kind: "removal", reason };
  const client = new KubeClient(inClusterAccess(process.env, { clock: systemClock }));
  const late = new Promise<Ending>((resolve) => {
    setTimeout(() => resolve({ kind: "pause", reason: "the API server does not answer" }), endingLimit);
  });
  return await Promise.race([whyWeStop(client, daemonSet), late]);
}

/** Null where nothing can be heard. */
function startRemovalWatch({ daemonSet }: InstallerConfig, log: Log): RemovalWatch | null {
  if (daemonSet === null) return null;
  try {
    const client = new KubeClient(inClusterAccess(process.env, { clock: systemClock }));
    return watchRemoval(client, daemonSet, { clock: systemClock, random: systemRandom, log });
  } catch (thrown) {
    log.warn("The removal of the plugin can't be heard of; the plugin stays when this ends", {}, thrown);
    return null;
  }
}

async function run(config: InstallerConfig, log: Log): Promise<void> {
  const registry = new Registry();
  registerProcessMetrics(registry, Date.now());
  const installer = new Installer(config, { clock: systemClock, log, registry, access: ownAccess });
  const admin = serveAdmin({ ip: "::", port: config.adminPort, registry, ready: installer.ready });
  const told = new Promise<string>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(signal));
  });
  installer.start();
  const heard = startRemovalWatch(config, log);
  const signal = await told;
  installer.stop();
  const { kind, reason } = await ending(config, heard);
  heard?.stop();
  log.info(`Got ${signal}, ${kind === "removal" ? "removing the plugin" : "leaving the plugin in place"}`, { reason });
  if (kind === "removal") removeFromNode(config, log);
  await admin.stop();
}

/** `linkerd cni install FLAGS`: runs until it is told to stop. */
export async function main(argv: readonly string[]): Promise<number> {
  const config = readConfig(argv, process.env);
  if (config === null) return 0;
  const log = createLog(stderrSink(config.logLevel, config.logFormat), "linkerd::cni_install");
  process.on("uncaughtException", (thrown) => log.error("A bug: an exception was not handled", {}, thrown));
  process.on("unhandledRejection", (thrown) => log.error("A bug: a rejection was not handled", {}, thrown));
  await run(config, log);
  return 0;
}

/** `linkerd cni uninstall FLAGS`: for a node that an uninstallation did not reach. */
export async function uninstall(argv: readonly string[]): Promise<number> {
  const config = readRemoval(argv);
  if (config === null) return 0;
  try {
    removeFromNode(config, createLog(stderrSink("info"), "linkerd::cni_install"));
    return 0;
  } catch (thrown) {
    process.stderr.write(`linkerd cni uninstall: ${errorChain(asMeshError(thrown, "Removing the plugin failed"))}\n`);
    return 1;
  }
}
