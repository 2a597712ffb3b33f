import { expect, test } from "bun:test";
import type { StatRow } from "#viz/client/stat-row.ts";
import { statJson, statTable } from "./stat-table.ts";

const row: StatRow = {
  namespace: "emojivoto",
  kind: "deployment",
  name: "web",
  status: null,
  meshed: { meshed: 1, total: 2 },
  success: 0.925,
  rps: 4.25,
  p50: 1.4,
  p95: 12,
  p99: 20,
  tcpOpenConnections: 3,
  tcpReadRate: 1234,
  tcpWriteRate: 9,
};
const idle: StatRow = { ...row, name: "idle", success: null, rps: null, p50: null, p95: null, p99: null };

test("statTable() prints linkerd's columns and dashes without traffic", () => {
  expect(statTable([row, idle], { allNamespaces: false, wide: false })).toBe(
    [
      "NAME   MESHED   SUCCESS      RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99   TCP_CONN",
      "web       1/2    92.50%   4.3rps           1ms          12ms          20ms          3",
      "idle      1/2         -        -             -             -             -          3",
      "",
    ].join("\n"),
  );
});

test("statTable() adds namespace, status and bytes where they belong", () => {
  expect(statTable([row], { allNamespaces: true, wide: true }).split("\n")[0]).toMatch(
    /^NAMESPACE +NAME .*READ_BYTES\/SEC +WRITE_BYTES\/SEC$/,
  );
  const pod: StatRow = { ...row, kind: "pod", status: "Running" };
  expect(statTable([pod], { allNamespaces: false, wide: false })).toContain("Running");
});

test("services have no pods: no MESHED and no TCP columns", () => {
  const service: StatRow = {
    ...row,
    kind: "service",
    meshed: null,
    tcpOpenConnections: null,
    tcpReadRate: null,
    tcpWriteRate: null,
  };
  const text = statTable([service], { allNamespaces: false, wide: true });
  expect(text).not.toContain("MESHED");
  expect(text).not.toContain("TCP_CONN");
});

test("statJson() has the keys that scripts know", () => {
  expect(JSON.parse(statJson([row]))).toEqual([
    {
      namespace: "emojivoto",
      kind: "deployment",
      name: "web",
      meshed: "1/2",
      success: 0.925,
      rps: 4.25,
      latency_ms_p50: 1,
      latency_ms_p95: 12,
      latency_ms_p99: 20,
      tcp_open_connections: 3,
      tcp_read_bytes_rate: 1234,
      tcp_write_bytes_rate: 9,
    },
  ]);
});
