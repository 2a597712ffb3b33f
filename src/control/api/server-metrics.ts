import type { Registry } from "#lib/metrics/registry.ts";
import type { RpcServer, RpcServerOptions } from "#rpc/server.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";

/** Bytes of a request: names, a token and a signing request are some kilobytes. Anybody in the cluster can send them. */
const largestRequest = 64 * 1024;

/** Limits of the gRPC server, and counting of its calls. */
export function serverOptions(
  config: { readonly queueCapacity: number },
  registry: Registry,
): Pick<RpcServerOptions, "maxMessageBytes" | "writer" | "onCall"> {
  const handled = registry.counter("grpc_server_handled_total", "Calls that ended, by their status");
  return {
    maxMessageBytes: largestRequest,
    writer: { maxQueuedMessages: config.queueCapacity },
    onCall(method, code) {
      const labels = { grpc_service: method.parent.typeName, grpc_method: method.name };
      handled.cell({ ...labels, grpc_code: code === null ? "client_left" : String(code) }).value++;
    },
  };
}

/** The server's and the index's own numbers. */
export function publishServer(server: RpcServer, index: ClusterIndex, registry: Registry): void {
  const connections = registry.gauge("grpc_server_connections", "Open connections of clients").cell();
  const active = registry.gauge("grpc_server_active_calls", "Calls and streams under way").cell();
  const overflows = registry
    .counter("grpc_server_queue_overflow_total", "Streams that were ended because too many messages waited")
    .cell();
  const slow = registry
    .counter("grpc_server_slow_readers_total", "Streams that were ended because their client took nothing")
    .cell();
  const derived = registry
    .gauge("index_watched_values", "Endpoint sets, profiles and policies that are followed")
    .cell();
  const failures = registry.counter("index_compute_failures_total", "Values that could not be computed").cell();
  registry.onCollect(() => {
    connections.value = server.counters.connections;
    active.value = server.counters.activeCalls;
    overflows.value = server.counters.overflows;
    slow.value = server.counters.slowReaders;
    derived.value = index.derivations.size;
    failures.value = index.derivations.failures;
  });
}
