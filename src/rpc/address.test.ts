import { expect, test } from "bun:test";
import { cidr, duration, ipMessage, ipText, milliseconds, socketAddr, tcpAddress } from "./address.ts";

test("addresses of both families survive the way to a message and back", () => {
  for (const ip of ["10.0.0.1", "255.255.255.254", "fd00::1", "2001:db8:1:2:3:4:5:6"]) {
    expect(ipText(ipMessage(ip) ?? undefined)).toBe(ip);
    expect(socketAddr(tcpAddress({ ip, port: 8080 }) ?? undefined)).toEqual({ ip, port: 8080 });
  }
  expect(ipMessage("10.0.0.1")?.ip.value).toBe(0x0a000001);
});

test("what names no address or a port out of range is null", () => {
  expect(ipText(undefined)).toBeNull();
  expect(ipMessage("web")).toBeNull();
  expect(socketAddr(tcpAddress({ ip: "10.0.0.1", port: 0 }) ?? undefined)).toBeNull();
  expect(cidr(undefined)).toBeNull();
});

test("durations keep milliseconds", () => {
  expect(milliseconds(duration(1500), 0)).toBe(1500);
  expect(milliseconds(duration(0.5), 0)).toBe(0.5);
  expect(milliseconds(undefined, null)).toBeNull();
});
