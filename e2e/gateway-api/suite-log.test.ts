import { expect, test } from "bun:test";
import { meshTests, readSuiteLog } from "./suite-log.ts";

const log = `=== RUN   Mesh
=== RUN   Mesh/MeshBasic
=== RUN   Mesh/MeshPorts
=== RUN   Mesh/MeshPorts/0_request_to_'echo'
    http.go:1: request failed, not ready yet: expected status 200, got 503
--- FAIL: Mesh (1.00s)
    --- PASS: Mesh/MeshBasic (0.20s)
    --- SKIP: Mesh/GatewayOnly (0.00s)
    --- FAIL: Mesh/MeshPorts (0.80s)
        --- FAIL: Mesh/MeshPorts/0_request_to_'echo' (0.80s)
`;

test("a log says which tests passed, and why others did not", () => {
  const { tests, reasons } = readSuiteLog(log);
  expect([...tests]).toEqual([
    ["MeshBasic", "pass"],
    ["GatewayOnly", "skip"],
    ["MeshPorts", "fail"],
  ]);
  expect([...reasons]).toEqual([
    [
      "MeshPorts",
      ["http.go:1: request failed, not ready yet: expected status 200, got 503", "failed: 0_request_to_'echo'"],
    ],
  ]);
});

test("all tests of meshes are asked for", () => {
  expect(new Set(meshTests).size).toBe(22);
});
