import { expect, test } from "bun:test";
import { decodeSockaddr, encodeSockaddr, familyOf, formatAddr, unmapIp } from "./sockaddr.ts";

test("addresses are written as the kernel reads them, and read back", () => {
  expect([...encodeSockaddr({ ip: "10.1.2.3", port: 258 })]).toEqual([2, 0, 1, 2, 10, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0]);
  const six = encodeSockaddr({ ip: "fd00::1", port: 80 });
  expect(six.length).toBe(28);
  expect([six[0], six[2], six[3], six[8], six[9], six[23]]).toEqual([10, 0, 80, 0xfd, 0, 1]);
  for (const addr of [
    { ip: "10.1.2.3", port: 258 },
    { ip: "fd00::1", port: 65_535 },
    { ip: "::1", port: 0 },
  ]) {
    expect(decodeSockaddr(encodeSockaddr(addr))).toEqual(addr);
  }
});

test("IPv4 in IPv6 clothes is IPv4", () => {
  expect(unmapIp("::ffff:10.1.2.3")).toBe("10.1.2.3");
  expect(unmapIp("fd00::1")).toBe("fd00::1");
  const mapped = new Uint8Array(28);
  mapped.set([10, 0, 0, 80]);
  mapped.set([0xff, 0xff, 10, 1, 2, 3], 18);
  expect(decodeSockaddr(mapped)).toEqual({ ip: "10.1.2.3", port: 80 });
  expect(familyOf("::ffff:10.1.2.3")).toBe(2);
});

test("what is no address is refused", () => {
  expect(() => familyOf("localhost")).toThrow('"localhost" is not an IP address');
  expect(() => decodeSockaddr(new Uint8Array(28))).toThrow("unknown family 0");
});

test("text has brackets where they are needed", () => {
  expect(formatAddr({ ip: "10.0.0.1", port: 80 })).toBe("10.0.0.1:80");
  expect(formatAddr({ ip: "fd00::1", port: 80 })).toBe("[fd00::1]:80");
});
