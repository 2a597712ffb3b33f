import { expect, test } from "bun:test";
import { containsIp, formatIp, parseCidr, parseCidrs, parseIp } from "./net-addr.ts";

const contains = (network: string, ip: string): boolean =>
  containsIp(parseCidr(network), parseIp(ip) ?? new Uint8Array());

test("parseIp reads and formatIp prints every form of an address", () => {
  for (const [text, canonical] of [
    ["10.0.0.1", "10.0.0.1"],
    ["::ffff:10.0.0.1", "10.0.0.1"],
    ["::", "::"],
    ["::1", "::1"],
    ["FD00:0:0:1::2", "fd00:0:0:1::2"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
    ["64:ff9b::1.2.3.4", "64:ff9b::102:304"],
  ] as const) {
    const bytes = parseIp(text);
    expect(bytes && formatIp(bytes)).toBe(canonical);
  }
});

test("parseIp refuses what is no address", () => {
  for (const text of [
    "",
    "1.2.3",
    "1.2.3.256",
    "1.2.3.4.5",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "g::",
    "1:2:3:4:5:6:7::8",
    "1.2.3.4::",
  ]) {
    expect(parseIp(text)).toBeNull();
  }
});

test("containsIp compares only the prefix and never across families", () => {
  expect(contains("10.0.0.0/8", "10.255.1.2")).toBe(true);
  expect(contains("10.0.0.0/8", "11.0.0.0")).toBe(false);
  expect(contains("192.168.1.128/25", "192.168.1.127")).toBe(false);
  expect(contains("192.168.1.128/25", "192.168.1.200")).toBe(true);
  expect(contains("0.0.0.0/0", "8.8.8.8")).toBe(true);
  expect(contains("0.0.0.0/0", "fd00::1")).toBe(false);
  expect(contains("fd00::/8", "fd12:3456::1")).toBe(true);
  expect(contains("10.1.2.3", "10.1.2.3")).toBe(true);
});

test("parseCidrs names the part that is wrong", () => {
  expect(parseCidrs("10.0.0.0/8, fd00::/8,").length).toBe(2);
  expect(() => parseCidrs("10.0.0.0/8,10.0.0.0/33")).toThrow('"10.0.0.0/33" is not a network');
  expect(() => parseCidr("10.0.0.0/")).toThrow("is not a network");
});
