import { expect, test } from "bun:test";
import { AddressPool } from "./addresses.ts";

test("Addresses come in turn and a freed one comes back last", () => {
  const pool = new AddressPool();
  expect([pool.take(), pool.take()]).toEqual(["10.244.0.2", "10.244.0.3"]);
  pool.release("10.244.0.2");
  expect(pool.take()).toBe("10.244.0.4");
});

test("Every address is unique until the pool is empty, which is an error", () => {
  const pool = new AddressPool();
  const all = new Set<string>();
  for (let i = 0; i < 255 * 254 - 1; i++) all.add(pool.take());
  expect(all.size).toBe(255 * 254 - 1);
  expect([...all].some((ip) => ip.endsWith(".0") || ip.endsWith(".255") || ip === "10.244.0.1")).toBe(false);
  expect(() => pool.take()).toThrow("All addresses of 10.244.0.0/16 are in use");
  pool.release("10.244.7.9");
  expect(pool.take()).toBe("10.244.7.9");
});
