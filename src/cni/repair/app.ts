/**
 * Repairs pods that started before the plugin was ready on their node. A pod whose validator looks for the redirect in
 * vain gets its rules from here, into its running network namespace, and goes on without a restart. Where that is not
 * possible and the validator gave up, the pod is evicted, and an Event says why.
 */
import type { Clock, Timer } from "#lib/clock.ts";
import { asMeshError, errorChain, MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Registry } from "#lib/metrics/registry.ts";
import type { KubeClient } from "#kube/client.ts";
import type { EventWriter } from "#kube/events.ts";
import { resources } from "#kube/resource.ts";
import type { Pod } from "#kube/types/core.ts";
import type { WatchHandler } from "#kube/watch.ts";
import type { Table } from "../nftables/table.ts";
import { podRules } from "../pod-rules.ts";
import { redirectTable, type RedirectSettings } from "../rules.ts";
import { hasOwner, repairNeed } from "./need.ts";

/** ms between looks at pods that wait. A validator waits 10 s in all. */
const lookEvery = 1000;
/**
 * So many pods of the node are evicted within so many ms. Where no rules can be written at all (a kernel without nf_tables),
 * each new pod fails as the one before it.
 */
const evictionLimit = 3;
const evictionWindow = 5 * 60_000;

export interface RepairDeps {
  readonly rules: RedirectSettings;
  readonly client: Pick<KubeClient, "createSub">;
  readonly events: Pick<EventWriter, "write">;
  /** The network namespace that has one of the addresses. Throws "conflict" when it can't be told which one is the pod's. */
  readonly findNamespace: (ips: readonly string[]) => string | null;
  /** Writes the table unless one of its name is there; true when it was missing. */
  readonly ensure: (netns: string, table: Table) => boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly registry: Registry;
}

interface Waiting {
  readonly pod: Pod;
  /** What an Event said of it last, so that each is written once. */
  said: string;
}

const keyOf = (namespace: string, name: string): string => `${namespace}/${name}`;

export class Repair implements WatchHandler<Pod> {
  /** Pods that wait, by "namespace/name": bounded by the pods of one node. */
  private readonly waiting = new Map<string, Waiting>();
  /** When pods were evicted, by the clock, newest last; at most `evictionLimit`. */
  private evicted: number[] = [];
  private readonly deps: RepairDeps;
  private readonly repairs;
  private readonly evictions;
  private readonly failures;
  private timer: Timer | null = null;
  private looking = false;

  constructor(deps: RepairDeps) {
    this.deps = deps;
    const { registry } = deps;
    const prefix = "linkerd_cni_repair_controller";
    this.repairs = registry.counter(`${prefix}_repairs_total`, "Pods whose redirect was put in place").cell();
    this.evictions = registry
      .counter(`${prefix}_evictions_total`, "Pods evicted because they could not be repaired")
      .cell();
    this.failures = registry
      .counter(`${prefix}_failures_total`, "Attempts at a repair or an eviction that failed")
      .cell();
    const waiting = registry.gauge(`${prefix}_waiting_pods`, "Pods whose validator waits for the redirect").cell();
    registry.onCollect(() => {
      waiting.value = this.waiting.size;
    });
  }

  apply(pod: Pod): void {
    const key = keyOf(pod.metadata.namespace ?? "", pod.metadata.name);
    if (repairNeed(pod) === "none") this.waiting.delete(key);
    else {
      const before = this.waiting.get(key);
      const same = before !== undefined && before.pod.metadata.uid === pod.metadata.uid;
      this.waiting.set(key, { pod, said: same ? before.said : "" });
      // At once: every moment counts for a validator.
      void this.look();
    }
  }

  delete(namespace: string, name: string): void {
    this.waiting.delete(keyOf(namespace, name));
  }

  reset(all: readonly Pod[], removed: ReadonlyArray<{ readonly namespace: string; readonly name: string }>): void {
    for (const { namespace, name } of removed) this.delete(namespace, name);
    for (const pod of all) this.apply(pod);
  }

  stop(): void {
    this.timer?.cancel();
    this.waiting.clear();
  }

  /** Looks once at every pod that waits. */
  async look(): Promise<void> {
    if (this.looking) return;
    this.looking = true;
    this.timer?.cancel();
    try {
      for (const [key, { pod }] of this.waiting) await this.handle(key, pod);
    } finally {
      this.looking = false;
      if (this.waiting.size > 0) this.timer = this.deps.clock.after(lookEvery, () => void this.look());
    }
  }

  private async handle(key: string, pod: Pod): Promise<void> {
    try {
      if (this.repair(pod)) this.waiting.delete(key);
    } catch (thrown) {
      const error = asMeshError(thrown, "Repairing failed");
      if (error.code === "conflict") {
        // Neither another pod's namespace nor an eviction that somebody else brought about: it waits until it is clear.
        this.tellOnce(key, pod, `The pod's traffic is not redirected to the proxy: ${errorChain(error)}`);
        return;
      }
      if (repairNeed(pod) !== "failed") {
        // The validator goes on looking, and so do we.
        this.deps.log.debug("Repairing failed, trying again", { pod: key, reason: errorChain(error) });
        return;
      }
      this.failures.value += 1;
      await this.giveUp(key, pod, error);
    }
  }

  /** True when there is nothing left to do. Throws why it is not possible. */
  private repair(pod: Pod): boolean {
    const rules = podRules(pod, this.deps.rules);
    if (rules.kind === "none") return true;
    const ips = (pod.status?.podIPs ?? []).map(({ ip }) => ip);
    if (ips.length === 0 && pod.status?.podIP !== undefined) ips.push(pod.status.podIP);
    if (ips.length === 0) throw new MeshError("unavailable", "The pod has no address yet");
    const netns = this.deps.findNamespace(ips);
    if (netns === null)
      throw new MeshError("not-found", `No network namespace of this node has the address "${ips.join(", ")}"`);
    if (!this.deps.ensure(netns, redirectTable(rules.settings))) return true;
    this.repairs.value += 1;
    this.deps.log.info("Repaired a pod", { pod: keyOf(pod.metadata.namespace ?? "", pod.metadata.name), netns });
    this.tell(
      pod,
      "Normal",
      "RedirectRepaired",
      "The pod started before the CNI plugin was ready: its traffic is redirected to the proxy now",
    );
    return true;
  }

  private async giveUp(key: string, pod: Pod, error: MeshError): Promise<void> {
    const { log, client } = this.deps;
    const { name, namespace = "", uid } = pod.metadata;
    const reason = errorChain(error);
    if (!hasOwner(pod)) {
      this.waiting.delete(key);
      log.warn("A pod that nobody would make again can't be repaired", { pod: key, reason });
      this.tell(
        pod,
        "Warning",
        "RedirectMissing",
        `The pod's traffic is not redirected to the proxy and it can't be repaired (${reason}); delete and create it again`,
      );
      return;
    }
    const since = this.deps.clock.now() - evictionWindow;
    this.evicted = this.evicted.filter((at) => at > since);
    if (this.evicted.length >= evictionLimit) {
      this.tellOnce(
        key,
        pod,
        `Not evicted, because ${evictionLimit} pods of this node were within ${evictionWindow / 60_000} minutes and it did not help: the pod's traffic is not redirected to the proxy and it can't be repaired (${reason})`,
      );
      return;
    }
    try {
      await client.createSub(resources.pods, name, namespace, "eviction", {
        apiVersion: "policy/v1",
        kind: "Eviction",
        metadata: { name, namespace },
        ...(uid === undefined ? {} : { deleteOptions: { preconditions: { uid } } }),
      });
      this.waiting.delete(key);
      this.evictions.value += 1;
      this.evicted.push(this.deps.clock.now());
      log.warn("Evicted a pod that can't be repaired", { pod: key, reason });
      this.tell(
        pod,
        "Warning",
        "RedirectMissing",
        `Evicted: the pod's traffic is not redirected to the proxy and it can't be repaired (${reason})`,
      );
    } catch (thrown) {
      if (thrown instanceof MeshError && thrown.code === "not-found") this.waiting.delete(key);
      // A disruption budget, or no API server: it stays in line.
      else log.warn("Evicting a pod failed, trying again", { pod: key }, thrown);
    }
  }

  /** For what is looked at again and again. */
  private tellOnce(key: string, pod: Pod, message: string): void {
    const waiting = this.waiting.get(key);
    if (waiting === undefined || waiting.said === message) return;
    waiting.said = message;
    this.deps.log.warn("A pod waits for its redirect", { pod: key, reason: message });
    this.tell(pod, "Warning", "RedirectMissing", message);
  }

  private tell(pod: Pod, type: "Normal" | "Warning", reason: string, message: string): void {
    const { name, namespace, uid } = pod.metadata;
    const object = {
      apiVersion: "v1",
      kind: "Pod",
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
    };
    this.deps.events.write({ object, type, reason, message });
  }
}
