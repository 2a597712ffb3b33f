import type { Balancer, Endpoint, PickWaiter } from "../outbound/ports.ts";
import type { Affinity } from "./affinity.ts";
import type { P2cBalancer } from "./balancer.ts";

/**
 * One kind of traffic over a balancer, requests or whole connections, counted for itself.
 * Hot file: `pick` runs per request and only counts.
 */
export class BalancerUse implements Balancer {
  readonly balancer: P2cBalancer;
  /** Asked for an endpoint; those of them that had to wait; those that were refused at once. */
  picks = 0;
  queued = 0;
  refused = 0;
  /** Waiting now. */
  waiting = 0;
  private readonly onWaited: (waited: number) => void;

  /** `onWaited`: one that had to wait left the queue after `waited` ms, with or without an endpoint. */
  constructor(balancer: P2cBalancer, onWaited: (waited: number) => void) {
    this.balancer = balancer;
    this.onWaited = onWaited;
  }

  get affinity(): Affinity | null {
    return this.balancer.affinity;
  }

  pick(key?: number): Endpoint | null {
    this.picks++;
    return this.balancer.pick(key);
  }

  wait(waiter: PickWaiter): "queued" | "failfast" | "load-shed" {
    const outcome = this.balancer.wait(waiter, this);
    if (outcome === "queued") {
      this.queued++;
      this.waiting++;
    } else {
      this.refused++;
    }
    return outcome;
  }

  giveUp(waiter: PickWaiter): void {
    this.balancer.giveUp(waiter);
  }

  /** For the balancer: a waiter of ours is out of the queue. */
  left(waited: number): void {
    this.waiting--;
    this.onWaited(waited);
  }
}
