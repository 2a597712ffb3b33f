import type { Cell } from "#lib/metrics/cell.ts";
import type { Family, Registry } from "#lib/metrics/registry.ts";
import type { EndpointQuery } from "../destination/endpoint-set.ts";

/** What the destination API counts of one Service's port. */
export interface EndpointCells {
  readonly subscribers: Cell;
  readonly updates: Cell;
  readonly pods: Cell;
  readonly exists: Cell;
}

export class DestinationMetrics {
  readonly endpointOverflow: Family;
  readonly profileSubscribers: Family;
  readonly profileUpdates: Family;
  readonly profileOverflow: Family;
  readonly workloadSubscribers: Family;
  readonly workloadUpdates: Family;
  readonly workloadOverflow: Family;
  private readonly subscribers: Family;
  private readonly updates: Family;
  private readonly pods: Family;
  private readonly exists: Family;

  constructor(registry: Registry) {
    this.subscribers = registry.gauge("endpoints_subscribers", "Streams that follow the endpoints of a Service's port");
    this.updates = registry.counter("endpoints_updates", "Messages with endpoint changes that were sent");
    this.pods = registry.gauge("endpoints_pods", "Endpoints of a Service's port");
    this.exists = registry.gauge("endpoints_exists", "Whether the Service exists: 1 or 0");
    this.endpointOverflow = registry.counter(
      "endpoint_updates_queue_overflow",
      "Endpoint streams that were ended because too many updates waited for their client",
    );
    this.profileSubscribers = registry.gauge("profile_subscribers", "Streams that follow a profile");
    this.profileUpdates = registry.counter("profile_updates", "Profiles that were sent");
    this.profileOverflow = registry.counter(
      "profile_updates_queue_overflow",
      "Profile streams that were ended because too many updates waited for their client",
    );
    // A profile of an address is one of a workload; Linkerd counts these apart.
    this.workloadSubscribers = registry.gauge("workload_subscribers", "Streams that follow the profile of an address");
    this.workloadUpdates = registry.counter("workload_updates", "Profiles of addresses that were sent");
    this.workloadOverflow = registry.counter(
      "endpoint_profile_updates_queue_overflow",
      "Streams of an address's profile that were ended because too many updates waited for their client",
    );
    for (const family of [this.profileOverflow, this.workloadOverflow]) family.cell();
    // There are no remote clusters yet.
    registry.gauge("cluster_store_size", "Remote clusters that endpoints are discovered in").cell().value = 0;
  }

  endpoints(query: EndpointQuery): EndpointCells {
    const labels = {
      namespace: query.namespace,
      service: query.service,
      port: String(query.port),
      hostname: query.hostname ?? "",
      cluster: "local",
    };
    return {
      subscribers: this.subscribers.cell(labels),
      updates: this.updates.cell(labels),
      pods: this.pods.cell(labels),
      exists: this.exists.cell(labels),
    };
  }
}
