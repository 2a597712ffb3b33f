/**
 * The `…_balancer_*` families: endpoints, discovery updates, the queue and its failfast gate, with Linkerd's names.
 * Balancers count in plain fields; the series are written before a rendering and when a balancer ends.
 */
import type { Cell, HistogramCell } from "#lib/metrics/cell.ts";
import type { Family, Labels, Registry } from "#lib/metrics/registry.ts";
import type { BalancerUse } from "../balance/balancer-use.ts";

/** Linkerd's buckets, seconds: enough to see that there is a wait. */
const latencyBounds = [0.0005, 0.005, 0.05, 0.5, 1, 3];

/** The families of one scope, for example "outbound_http". */
export class BalancerMetrics {
  readonly endpoints: Family;
  readonly p2cEndpoints: Family;
  readonly updates: Family;
  readonly queueLength: Family;
  readonly queueRequests: Family;
  readonly queueLatency: Family<HistogramCell>;
  readonly ejections: Family;
  readonly spared: Family;
  readonly gateOpen: Family;
  readonly gateShut: Family;
  readonly gateOpenTime: Family;
  readonly gateShutTime: Family;
  readonly gateTimeout: Family;

  constructor(registry: Registry, scope: string) {
    const counter = (name: string, help: string): Family => registry.counter(`${scope}_balancer_${name}`, help);
    const gauge = (name: string, help: string): Family => registry.gauge(`${scope}_balancer_${name}`, help);
    this.endpoints = gauge("endpoints", "The number of endpoints currently in a balancer");
    this.p2cEndpoints = gauge("p2c_endpoints", "The number of endpoints currently in the balancer");
    this.updates = counter("p2c_updates_total", "The total number of service discovery updates received by a balancer");
    this.queueLength = gauge("queue_length", "The current count of requests waiting in the queue");
    this.queueRequests = counter("queue_requests_total", "The total number of requests that have entered the queue");
    this.queueLatency = registry.histogram(
      `${scope}_balancer_queue_latency_seconds`,
      "The distribution of durations that requests have spent in the queue",
      latencyBounds,
    );
    // Not in Linkerd.
    this.ejections = counter("ejections_total", "Endpoints that were taken out of use because their requests failed");
    this.spared = counter(
      "ejections_spared_total",
      "Failures that left an endpoint in use because too many were out already",
    );
    this.gateOpen = counter("queue_gate_open_total", "The total number of gate state changes to open");
    this.gateShut = counter("queue_gate_shut_total", "The total number of gate state changes from open to shut");
    this.gateOpenTime = gauge("queue_gate_open_time", "The time at which the gate was opened");
    this.gateShutTime = gauge("queue_gate_shut_time", "The time at which the gate was shut");
    this.gateTimeout = gauge(
      "queue_gate_timeout_seconds",
      "Indicates the request timeout after which the gate will shut and enter failfast",
    );
  }

  /** Series for a use of a balancer; made when it is used first. */
  series(labels: Labels): BalancerSeries {
    return new BalancerSeries(this, labels);
  }
}

/** The series of one use of a balancer, and what of its counts is already in them. */
export class BalancerSeries {
  private readonly metrics: BalancerMetrics;
  private readonly labels: Labels;
  private readonly ready: Cell;
  private readonly pending: Cell;
  private readonly p2cEndpoints: Cell;
  private readonly updates: { readonly added: Cell; readonly removed: Cell; readonly resets: Cell };
  private readonly queueLength: Cell;
  private readonly queueRequests: Cell;
  private readonly queueLatency: HistogramCell;
  private readonly gateOpen: Cell;
  private readonly gateShut: Cell;
  private readonly gateTimeout: Cell;
  private readonly before = {
    added: 0,
    removed: 0,
    resets: 0,
    entered: 0,
    immediate: 0,
    opens: 0,
    shuts: 0,
    ejected: 0,
    spared: 0,
  };

  constructor(metrics: BalancerMetrics, labels: Labels) {
    this.metrics = metrics;
    this.labels = labels;
    this.ready = metrics.endpoints.cell({ ...labels, endpoint_state: "ready" });
    this.pending = metrics.endpoints.cell({ ...labels, endpoint_state: "pending" });
    this.p2cEndpoints = metrics.p2cEndpoints.cell(labels);
    this.updates = {
      added: metrics.updates.cell({ ...labels, op: "Add" }),
      removed: metrics.updates.cell({ ...labels, op: "Remove" }),
      resets: metrics.updates.cell({ ...labels, op: "Reset" }),
    };
    this.queueLength = metrics.queueLength.cell(labels);
    this.queueRequests = metrics.queueRequests.cell(labels);
    this.queueLatency = metrics.queueLatency.cell(labels);
    this.gateOpen = metrics.gateOpen.cell(labels);
    this.gateShut = metrics.gateShut.cell(labels);
    this.gateTimeout = metrics.gateTimeout.cell(labels);
  }

  /** One left the queue after `waited` ms. */
  waited(waited: number): void {
    this.queueLatency.observe(waited / 1000);
  }

  /** Brings the series up to date. */
  update(use: BalancerUse): void {
    const { before, metrics, labels, updates } = this;
    const { changes, gate, counts, failfastTimeout, ejections } = use.balancer;
    this.ready.value = counts.ready;
    this.pending.value = counts.total - counts.ready;
    this.p2cEndpoints.value = counts.total;
    for (const kind of ["added", "removed", "resets"] as const) updates[kind].value += changes[kind] - before[kind];
    this.queueLength.value = use.waiting;
    const entered = use.picks - use.refused;
    this.queueRequests.value += entered - before.entered;
    // Who found an endpoint at once has waited for no time; the others were observed when they left.
    const immediate = entered - use.queued;
    this.queueLatency.counts[0] = (this.queueLatency.counts[0] ?? 0) + immediate - before.immediate;
    this.queueLatency.count += immediate - before.immediate;
    this.gateOpen.value += gate.opens - before.opens;
    this.gateShut.value += gate.shuts - before.shuts;
    if (gate.opens > 0) metrics.gateOpenTime.cell(labels).value = gate.openedAt / 1000;
    if (gate.shuts > 0) metrics.gateShutTime.cell(labels).value = gate.shutAt / 1000;
    this.gateTimeout.value = failfastTimeout / 1000;
    if (ejections.ejected > 0) metrics.ejections.cell(labels).value += ejections.ejected - before.ejected;
    if (ejections.spared > 0) metrics.spared.cell(labels).value += ejections.spared - before.spared;
    Object.assign(before, changes, ejections, { entered, immediate, opens: gate.opens, shuts: gate.shuts });
  }

  /** The balancer is gone: what says how it is now goes too, counts stay. */
  end(use: BalancerUse): void {
    this.update(use);
    const { metrics, labels } = this;
    for (const state of ["ready", "pending"]) metrics.endpoints.remove({ ...labels, endpoint_state: state });
    const gauges = [metrics.p2cEndpoints, metrics.queueLength, metrics.gateOpenTime, metrics.gateShutTime];
    for (const family of [...gauges, metrics.gateTimeout]) family.remove(labels);
  }
}
