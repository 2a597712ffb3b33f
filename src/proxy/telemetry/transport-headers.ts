/** `inbound_tcp_transport_header_connections_total`: who came with a header, for which port and protocol. */
import type { Registry } from "#lib/metrics/registry.ts";
import type { TransportHeader } from "#wire/transport-header/transport-header.ts";

/** Counts one connection. Runs per connection, after its handshake. */
export function transportHeaders(registry: Registry): (header: TransportHeader, clientId: string) => void {
  const connections = registry.counter(
    "inbound_tcp_transport_header_connections_total",
    "TCP connections with transport headers",
  );
  return ({ port, name, session }, clientId) => {
    const protocol = session === null ? "" : session === "http1" ? "http/1" : "http/2";
    const labels = { session_protocol: protocol, target_port: String(port), target_name: name ?? "" };
    connections.cell({ ...labels, client_id: clientId }).value++;
  };
}
