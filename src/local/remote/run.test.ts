import { expect, test } from "bun:test";
import { leadsOut } from "./run.ts";

const head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n";

test("A network with a way out is not taken over", () => {
  expect(leadsOut(`${head}eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\n`)).toBe(true);
});

test("A network of its own, also with an unreachable default, is", () => {
  expect(leadsOut(head)).toBe(false);
  expect(leadsOut(`${head}eth0\t0000590A\t00000000\t0001\t0\t0\t0\t00FFFFFF\n`)).toBe(false);
  expect(leadsOut(`${head}*\t00000000\t00000000\t0200\t0\t0\t0\t00000000\n`)).toBe(false);
});
