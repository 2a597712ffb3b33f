/** Keeps the node's address translation equal to Services and EndpointSlices. */
import type { Clock, Timer } from "#lib/clock.ts";
import type { Log } from "#lib/log.ts";
import type { LocalClient } from "../api/client.ts";
import { resources } from "../api/resource-ref.ts";
import { run } from "../run.ts";
import type { EndpointSlice, Service } from "../types.ts";
import { servicePortRules, serviceRuleset } from "./service-rules.ts";

/** Changes within so many ms are applied together. */
const settle = 30;
/** After a failure, ms. */
const retry = 1_000;

export class ServiceProxy {
  private readonly client: LocalClient;
  private readonly clock: Clock;
  private readonly log: Log;
  private readonly apply: (ruleset: string) => Promise<void>;
  private readonly stops: Array<() => void> = [];
  private timer: Timer | null = null;
  private busy = false;
  private dirty = false;
  private applied = "";

  constructor(options: {
    client: LocalClient;
    clock: Clock;
    log: Log;
    /** Default: load with nft. */
    apply?: (ruleset: string) => Promise<void>;
  }) {
    this.client = options.client;
    this.clock = options.clock;
    this.log = options.log;
    this.apply =
      options.apply ??
      (async (ruleset) => {
        await run(["nft", "-f", "-"], ruleset);
      });
  }

  start(): void {
    this.stops.push(
      this.client.watch(resources.services, {}, () => this.changed(settle)),
      this.client.watch(resources.endpointSlices, {}, () => this.changed(settle)),
    );
  }

  stop(): void {
    for (const stop of this.stops) stop();
    this.timer?.cancel();
  }

  private changed(delay: number): void {
    this.dirty = true;
    if (this.timer !== null || this.busy) return;
    this.timer = this.clock.after(delay, () => {
      this.timer = null;
      void this.sync();
    });
  }

  private async sync(): Promise<void> {
    this.dirty = false;
    const services = this.client.list<Service>(resources.services);
    const slices = this.client.list<EndpointSlice>(resources.endpointSlices);
    const ruleset = serviceRuleset(servicePortRules(services, slices));
    if (ruleset === this.applied) return;
    this.busy = true;
    let delay = settle;
    try {
      await this.apply(ruleset);
      this.applied = ruleset;
    } catch (thrown) {
      this.log.error("Loading the Service rules failed", {}, thrown);
      this.dirty = true;
      delay = retry;
    }
    this.busy = false;
    if (this.dirty) this.changed(delay);
  }
}
