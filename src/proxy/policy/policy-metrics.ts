/** The metric families of inbound policy and the labels they share. */
import type { Family, Labels, Registry } from "#lib/metrics/registry.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import type { DetectCells } from "../detect/detection.ts";
import type { HttpCells, TransportCells } from "../http/ports.ts";
import type { ClientTls, InboundRouteCells } from "../inbound/ports.ts";
import { originLabels, type Origin, type ResourceRef } from "./server-policy.ts";

/** What telemetry gives to policy; handed down because policy may not know telemetry. */
export interface TrafficMetrics {
  readonly transport: { cells(labels: Labels): TransportCells };
  readonly http: { cells(labels: Labels): HttpCells };
  readonly detect: { cells(labels: Labels): DetectCells };
  readonly routes: { cells(parent: ResourceRef, route: ResourceRef, grpc: boolean): InboundRouteCells };
  targetLabels(addr: SocketAddr): Labels;
  serverTlsLabels(tls: ClientTls): Labels;
}

export class PolicyMetrics {
  readonly tcpAllow: Family;
  readonly tcpDeny: Family;
  readonly tcpTerminate: Family;
  readonly httpAllow: Family;
  readonly httpDeny: Family;
  readonly routeNotFound: Family;
  readonly rateLimited: Family;
  readonly transport: TrafficMetrics["transport"];
  readonly http: TrafficMetrics["http"];
  readonly detect: TrafficMetrics["detect"];
  readonly routes: TrafficMetrics["routes"];
  private readonly traffic: TrafficMetrics;

  constructor(registry: Registry, traffic: TrafficMetrics) {
    this.traffic = traffic;
    this.transport = traffic.transport;
    this.http = traffic.http;
    this.detect = traffic.detect;
    this.routes = traffic.routes;
    const counter = (name: string, help: string): Family => registry.counter(name, help);
    this.tcpAllow = counter(
      "inbound_tcp_authz_allow_total",
      "The total number of inbound TCP connections that were authorized",
    );
    this.tcpDeny = counter(
      "inbound_tcp_authz_deny_total",
      "The total number of inbound TCP connections that were denied",
    );
    this.tcpTerminate = counter(
      "inbound_tcp_authz_terminate_total",
      "The total number of inbound TCP connections that were terminated due to an authorization change",
    );
    this.httpAllow = counter(
      "inbound_http_authz_allow_total",
      "The total number of inbound HTTP requests that were authorized",
    );
    this.httpDeny = counter(
      "inbound_http_authz_deny_total",
      "The total number of inbound HTTP requests that could not be processed due to being denied by policy",
    );
    this.routeNotFound = counter(
      "inbound_http_route_not_found_total",
      "The total number of inbound HTTP requests that could not be associated with a route",
    );
    this.rateLimited = counter(
      "inbound_http_local_ratelimit_total",
      "The total number of inbound HTTP requests that a rate limit refused",
    );
  }

  /** Labels of traffic that a server of ours takes. */
  serverLabels(target: SocketAddr, tls: ClientTls, origin: Origin): Labels {
    return {
      ...this.traffic.targetLabels(target),
      ...this.traffic.serverTlsLabels(tls),
      ...originLabels("srv", origin),
      srv_port: String(target.port),
    };
  }

  /** Cells of connections to the application itself: always plaintext, on the loopback side. */
  localTransport(target: SocketAddr): TransportCells {
    return this.transport.cells({
      ...this.traffic.targetLabels(target),
      direction: "inbound",
      peer: "dst",
      tls: "no_identity",
      no_tls_reason: "loopback",
    });
  }
}
