/**
 * Keeps the plugin installed on a node: its executable, its kubeconfig, and its entry in the network configuration,
 * which other CNIs rewrite when they like. Each look at the node makes good what is missing, in that order, so that the
 * entry never names something that isn't there.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, type FSWatcher, watch } from "node:fs";
import { join } from "node:path";
import type { Clock, Timer } from "#lib/clock.ts";
import { asMeshError, MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Registry } from "#lib/metrics/registry.ts";
import { Watchable } from "#lib/watchable.ts";
import { pluginEntry, pluginName } from "../plugin/plugin-config.ts";
import { type Plan, planInstallation, planRemoval } from "./conf-list.ts";
import type { InstallerConfig } from "./config.ts";
import { ContentHashes } from "./content-hash.ts";
import { kubeconfigName, kubeconfigText, type PluginAccess } from "./kubeconfig.ts";
import { applyChange, copyExecutable, modeOf, readTexts, writeWhole } from "./node-files.ts";

/** ms between looks when nothing is heard of the folder: watches of network file systems hear nothing. */
const lookEvery = 5000;
/** ms after a change in the folder: files are often written in several steps. */
const settle = 100;
/** So many changes of the configuration within a minute mean that another program undoes them: no race with it then. */
const contestedAt = 5;
const contestedWithin = 60_000;

const tokenMode = 0o600;

export interface InstallerDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly registry: Registry;
  /** What the plugin is to reach the API server with; read anew for every look, because tokens are renewed. */
  readonly access: () => PluginAccess;
}

export class Installer {
  /** Whether pods are set up with our plugin now. */
  readonly ready = new Watchable(false);
  private readonly config: InstallerConfig;
  private readonly deps: InstallerDeps;
  private readonly hashes = new ContentHashes();
  private readonly writes;
  private readonly failures;
  private timer: Timer | null = null;
  private watcher: FSWatcher | null = null;
  private stopped = false;
  /** The last thing said about the state, so that a state is said once. */
  private said = "";
  /** When the configuration was changed, by the clock, newest last. */
  private changed: number[] = [];

  constructor(config: InstallerConfig, deps: InstallerDeps) {
    this.config = config;
    this.deps = deps;
    const { registry } = deps;
    this.writes = registry.counter("linkerd_cni_writes_total", "Files of the node written, by kind");
    this.failures = registry.counter("linkerd_cni_failures_total", "Looks at the node that ended in an error").cell({});
  }

  start(): void {
    mkdirSync(this.config.netDir, { recursive: true });
    this.watch();
    this.look();
  }

  /** Stops looking; what is installed stays. */
  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
    this.watcher?.close();
  }

  /** Makes good what is missing, once. */
  look(): void {
    if (this.stopped) return;
    this.timer?.cancel();
    try {
      this.placeExecutable();
      this.placeKubeconfig();
      this.report(this.placeEntry());
    } catch (thrown) {
      this.failures.value += 1;
      this.ready.set(false);
      this.say("failed", () =>
        this.deps.log.error("Installing on the node failed, trying again", {}, asMeshError(thrown, "cni install")),
      );
    }
    this.schedule(lookEvery);
  }

  private schedule(delay: number): void {
    this.timer?.cancel();
    this.timer = this.deps.clock.after(delay, () => this.look());
  }

  private watch(): void {
    try {
      this.watcher = watch(this.config.netDir, () => {
        if (!this.stopped) this.schedule(this.contested() ? lookEvery : settle);
      });
      this.watcher.on("error", (error) =>
        this.deps.log.warn("Watching the folder failed, looking from time to time", {}, error),
      );
    } catch (thrown) {
      this.deps.log.warn("Watching the folder failed, looking from time to time", {}, asMeshError(thrown, "watch"));
    }
  }

  private placeExecutable(): void {
    const { executable, binDir } = this.config;
    const target = join(binDir, pluginName);
    // By content: a full disk or an earlier release may have left another file of the same size.
    if (existsSync(target) && this.hashes.of(target) === this.hashes.of(executable)) return;
    copyExecutable(executable, binDir, pluginName);
    this.writes.cell({ file: "executable" }).value += 1;
    this.deps.log.info("The plugin's executable is in place", { path: target });
  }

  private placeKubeconfig(): void {
    const text = kubeconfigText(this.deps.access());
    const path = join(this.config.netDir, kubeconfigName);
    // It holds a token: for root alone.
    if (modeOf(path) === tokenMode && readFileSync(path, "utf8") === text) return;
    writeWhole(this.config.netDir, kubeconfigName, text, tokenMode);
    this.writes.cell({ file: "kubeconfig" }).value += 1;
  }

  private placeEntry(): Plan {
    const { netDir, hostNetDir, rules, excludeNamespaces, logLevel } = this.config;
    const entry = pluginEntry({ kubeconfig: join(hostNetDir, kubeconfigName), rules, excludeNamespaces, logLevel });
    const plan = planInstallation(readTexts(netDir), entry);
    if (plan.changes.length > 0) this.changed = [...this.changed, this.deps.clock.now()].slice(-contestedAt);
    for (const change of plan.changes) {
      applyChange(netDir, change);
      this.writes.cell({ file: "configuration" }).value += 1;
    }
    return plan;
  }

  private contested(): boolean {
    const since = this.deps.clock.now() - contestedWithin;
    return this.changed.filter((at) => at >= since).length >= contestedAt;
  }

  private report({ active, unreadable, changes }: Plan): void {
    const { log } = this.deps;
    this.ready.set(active !== null);
    if (this.contested()) {
      this.say("contested", () =>
        log.warn(
          "Another program takes our plugin out of the network configuration again and again; tell it to leave the file alone (Cilium: cni.exclusive=false)",
          { file: active },
        ),
      );
      return;
    }
    if (changes.length > 0) log.info("The network configuration has our plugin now", { file: active });
    const broken = unreadable.map(({ name, reason }) => `"${name}": ${reason}`).join("; ");
    this.say(`${active} ${broken}`, () => {
      if (broken !== "")
        log.warn("Files of the network configuration are left alone, they can't be read", { files: broken });
      if (active === null)
        log.warn("There is no network configuration yet, waiting for one", { folder: this.config.netDir });
    });
  }

  private say(state: string, write: () => void): void {
    if (state !== this.said) write();
    this.said = state;
  }
}

/** Takes everything of ours from the node: the entry first, so that the runtime never looks for what is gone. */
export function removeFromNode(config: Pick<InstallerConfig, "netDir" | "binDir">, log: Log): void {
  for (const change of planRemoval(readTexts(config.netDir))) applyChange(config.netDir, change);
  try {
    rmSync(join(config.netDir, kubeconfigName), { force: true });
    rmSync(join(config.binDir, pluginName), { force: true });
  } catch (cause) {
    throw new MeshError(
      "environment",
      `Removing the plugin's files from "${config.netDir}" and "${config.binDir}" failed`,
      {
        cause,
      },
    );
  }
  log.info("The plugin is removed from the node");
}
