/** The answers of `viz edges`, `routes`, `authz`, `stat-inbound` and `stat-outbound` as tables and as JSON. */
import type {
  AuthzAnswer,
  BackendAnswer,
  EdgeAnswer,
  Golden,
  InboundAnswer,
  OutboundAnswer,
  RouteAnswer,
} from "#viz/client/answers.ts";
import { milliseconds, percent, rps } from "./format.ts";
import { printable } from "./printable.ts";
import { table, type Column } from "./table.ts";

/** A column of names of strangers. */
const text = <Row>(header: string, value: (row: Row) => string): Column<Row> => ({
  header,
  value: (row) => printable(value(row)),
});
const number = <Row>(header: string, value: (row: Row) => string): Column<Row> => ({ header, value, align: "right" });

const success = number<Golden>("SUCCESS", (row) => percent(row.success));
const perSecond = number<Golden>("RPS", (row) => rps(row.rps));
const latencies = [
  number<Golden>("LATENCY_P50", (row) => milliseconds(row.p50)),
  number<Golden>("LATENCY_P95", (row) => milliseconds(row.p95)),
  number<Golden>("LATENCY_P99", (row) => milliseconds(row.p99)),
];

const whole = (value: number | null): number | null => (value === null ? null : Math.round(value));
const goldenJson = (row: Golden): object => ({
  success: row.success,
  rps: row.rps,
  latency_ms_p50: whole(row.p50),
  latency_ms_p95: whole(row.p95),
  latency_ms_p99: whole(row.p99),
});
/** JSON for scripts. JSON itself escapes the control characters below 0x20, but not what else moves a terminal. */
const json = (rows: readonly object[]): string =>
  `${JSON.stringify(rows, null, 2).replaceAll(
    /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  )}\n`;

export function edgesTable(rows: readonly EdgeAnswer[], wide: boolean): string {
  return table<EdgeAnswer>(
    [
      text("SRC", (row) => row.src),
      text("DST", (row) => row.dst),
      text("SRC_NS", (row) => row.srcNamespace),
      text("DST_NS", (row) => row.dstNamespace),
      ...(wide
        ? [text<EdgeAnswer>("CLIENT_ID", (row) => row.clientId), text<EdgeAnswer>("SERVER_ID", (row) => row.serverId)]
        : []),
      text("SECURED", (row) => row.noTlsReason || "√"),
    ],
    rows,
  );
}

export function edgesJson(rows: readonly EdgeAnswer[]): string {
  return json(
    rows.map((row) => ({
      src: row.src,
      src_namespace: row.srcNamespace,
      dst: row.dst,
      dst_namespace: row.dstNamespace,
      client_id: row.clientId,
      server_id: row.serverId,
      no_tls_reason: row.noTlsReason,
    })),
  );
}

export function routesTable(rows: readonly RouteAnswer[], authority: boolean, wide: boolean): string {
  return table<RouteAnswer>(
    [
      text("ROUTE", (row) => row.route),
      text(authority ? "AUTHORITY" : "SERVICE", (row) => row.dst),
      ...(wide
        ? [
            number<RouteAnswer>("EFFECTIVE_SUCCESS", (row) => percent(row.effectiveSuccess)),
            number<RouteAnswer>("EFFECTIVE_RPS", (row) => rps(row.effectiveRps)),
            number<RouteAnswer>("ACTUAL_SUCCESS", (row) => percent(row.actualSuccess)),
            number<RouteAnswer>("ACTUAL_RPS", (row) => rps(row.actualRps)),
          ]
        : [success, perSecond]),
      ...latencies,
    ],
    rows,
  );
}

export function routesJson(rows: readonly RouteAnswer[], authority: boolean): string {
  return json(
    rows.map((row) => ({
      route: row.route,
      [authority ? "authority" : "service"]: row.dst,
      effective_success: row.effectiveSuccess,
      effective_rps: row.effectiveRps,
      actual_success: row.actualSuccess,
      actual_rps: row.actualRps,
      latency_ms_p50: whole(row.p50),
      latency_ms_p95: whole(row.p95),
      latency_ms_p99: whole(row.p99),
    })),
  );
}

export function authzTable(rows: readonly AuthzAnswer[]): string {
  return table<AuthzAnswer>(
    [
      text("ROUTE", (row) => row.route),
      text("SERVER", (row) => row.server),
      text("AUTHORIZATION", (row) => row.authorization),
      number("UNAUTHORIZED", (row) => rps(row.unauthorized)),
      success,
      perSecond,
      ...latencies,
    ],
    rows,
  );
}

export function authzJson(rows: readonly AuthzAnswer[]): string {
  return json(
    rows.map((row) => ({
      route: row.route,
      server: row.server,
      authorization: row.authorization,
      unauthorized: row.unauthorized,
      ...goldenJson(row),
    })),
  );
}

export function inboundTable(rows: readonly InboundAnswer[]): string {
  return table<InboundAnswer>(
    [
      text("NAME", (row) => row.name),
      text("SERVER", (row) => row.server),
      text("ROUTE", (row) => row.route),
      text("TYPE", (row) => row.type),
      success,
      perSecond,
      ...latencies,
    ],
    rows,
  );
}

export function inboundJson(rows: readonly InboundAnswer[]): string {
  return json(
    rows.map((row) => ({
      name: row.name,
      server: row.server,
      route: row.route,
      type: row.type,
      ...goldenJson(row),
    })),
  );
}

/** A route's line, or below it that of one of its backends. */
interface OutboundLine extends Golden {
  readonly route: OutboundAnswer | null;
  readonly tree: string;
  readonly backend: string;
  readonly timeouts: number | null;
  readonly retries: number | null;
}

export function outboundTable(rows: readonly OutboundAnswer[]): string {
  const lines = rows.flatMap((row): OutboundLine[] => [
    { ...row, route: row, tree: "", backend: "" },
    ...row.backends.map((backend, index) => ({
      ...backend,
      route: null,
      tree: index === row.backends.length - 1 ? "└─►" : "├─►",
      retries: null,
    })),
  ]);
  return table<OutboundLine>(
    [
      text("NAME", ({ route }) => route?.name ?? ""),
      text("SERVICE", ({ route }) => route?.service ?? ""),
      text("ROUTE", ({ route, tree }) => route?.route ?? tree),
      text("TYPE", ({ route }) => route?.type ?? ""),
      text("BACKEND", (row) => row.backend),
      success,
      perSecond,
      ...latencies,
      number("TIMEOUTS", (row) => percent(row.timeouts)),
      number("RETRIES", (row) => percent(row.retries)),
    ],
    lines,
  );
}

export function outboundJson(rows: readonly OutboundAnswer[]): string {
  return json(
    rows.map((row) => ({
      name: row.name,
      service: row.service,
      route: row.route,
      type: row.type,
      ...goldenJson(row),
      timeouts: row.timeouts,
      retries: row.retries,
      backends: row.backends.map((backend: BackendAnswer) => ({
        backend: backend.backend,
        ...goldenJson(backend),
        timeouts: backend.timeouts,
      })),
    })),
  );
}
