/** The Node object: registered at the start, kept alive by a heartbeat. */
import { cpus, release, totalmem } from "node:os";
import type { Clock, Timer } from "#lib/clock.ts";
import type { Log } from "#lib/log.ts";
import type { LocalClient } from "../api/client.ts";
import { resources } from "../api/resource-ref.ts";
import { isStatus } from "../api/status-error.ts";
import { nodeIp, podNetwork } from "../network/addresses.ts";
import { timestamp } from "./container-record.ts";
import type { Capacity } from "./environment.ts";
import { nodeName } from "./node.ts";

/** Kubernetes updates an unchanged node's status this seldom, ms. */
const usualHeartbeat = 5 * 60_000;

/** What this machine has. */
export function machineCapacity(): Capacity {
  return { cpu: cpus().length, memory: totalmem() };
}

export class NodeRegistration {
  private readonly client: Pick<LocalClient, "create" | "patch">;
  private readonly clock: Clock;
  private readonly log: Log;
  private readonly version: string;
  private readonly heartbeat: number;
  private readonly port: number;
  private readonly started: string;
  private timer: Timer | null = null;

  constructor(options: {
    client: Pick<LocalClient, "create" | "patch">;
    clock: Clock;
    log: Log;
    version: string;
    /** ms between status updates; default 5 minutes. */
    heartbeat?: number;
    /** Port of the node's own HTTPS server; default 0: none. */
    port?: number;
  }) {
    this.client = options.client;
    this.clock = options.clock;
    this.log = options.log;
    this.version = options.version;
    this.heartbeat = options.heartbeat ?? usualHeartbeat;
    this.port = options.port ?? 0;
    this.started = timestamp(options.clock.wall());
  }

  async start(): Promise<void> {
    try {
      await this.client.create(resources.nodes, {
        apiVersion: "v1",
        kind: "Node",
        metadata: {
          name: nodeName,
          labels: {
            "kubernetes.io/hostname": nodeName,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": process.arch === "x64" ? "amd64" : process.arch,
            "beta.kubernetes.io/os": "linux",
            "node-role.kubernetes.io/control-plane": "",
            "topology.kubernetes.io/zone": "local",
          },
        },
        spec: { podCIDR: podNetwork, podCIDRs: [podNetwork] },
      });
    } catch (thrown) {
      if (!isStatus(thrown, "AlreadyExists")) throw thrown;
    }
    await this.beat();
  }

  stop(): void {
    this.timer?.cancel();
  }

  private async beat(): Promise<void> {
    try {
      await this.client.patch(resources.nodes, "", nodeName, { status: this.status() }, { subresource: "status" });
    } catch (thrown) {
      this.log.warn("Updating the node's status failed", {}, thrown);
    }
    this.timer = this.clock.after(this.heartbeat, () => void this.beat());
  }

  private status(): unknown {
    const { cpu, memory } = machineCapacity();
    const capacity = {
      cpu: String(cpu),
      memory: `${Math.floor(memory / 1024)}Ki`,
      pods: "1000",
      "ephemeral-storage": "0",
    };
    const now = timestamp(this.clock.wall());
    const condition = (type: string, status: string, reason: string, message: string): unknown => ({
      type,
      status,
      reason,
      message,
      lastHeartbeatTime: now,
      lastTransitionTime: this.started,
    });
    return {
      capacity,
      allocatable: capacity,
      addresses: [
        { type: "InternalIP", address: nodeIp },
        { type: "Hostname", address: nodeName },
      ],
      conditions: [
        condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "node has sufficient memory available"),
        condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "node has no disk pressure"),
        condition("PIDPressure", "False", "KubeletHasSufficientPID", "node has sufficient PID available"),
        condition("Ready", "True", "KubeletReady", "the local node is ready"),
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: this.port } },
      nodeInfo: {
        architecture: process.arch === "x64" ? "amd64" : process.arch,
        bootID: "",
        containerRuntimeVersion: `linkerd-local://${this.version}`,
        kernelVersion: release(),
        kubeProxyVersion: "",
        kubeletVersion: "v1.34.0",
        machineID: "",
        operatingSystem: "linux",
        osImage: "linkerd local",
        systemUUID: "",
      },
    };
  }
}
