/** The metrics that answers are made of: what the store keeps. */
export const answerFamilies: readonly string[] = [
  "request_total",
  "response_total",
  "response_latency_ms_bucket",
  "tcp_open_connections",
  "tcp_open_total",
  "tcp_read_bytes_total",
  "tcp_write_bytes_total",
  "inbound_http_authz_allow_total",
  "inbound_http_authz_deny_total",
  "inbound_tcp_authz_allow_total",
  "inbound_tcp_authz_deny_total",
  "route_request_total",
  "route_response_total",
  "route_response_latency_ms_bucket",
  "route_actual_response_total",
  "route_actual_response_latency_ms_bucket",
  ...["http", "grpc"].flatMap((protocol) =>
    [
      "request_statuses_total",
      "request_duration_seconds_bucket",
      "backend_response_statuses_total",
      "backend_response_duration_seconds_bucket",
      "retry_requests_total",
    ].map((name) => `outbound_${protocol}_route_${name}`),
  ),
];
