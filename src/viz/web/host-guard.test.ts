import { expect, test } from "bun:test";
import { createHostGuard, defaultHosts, hostPattern } from "./host-guard.ts";

const guard = createHostGuard(defaultHosts("linkerd-viz", "cluster.local"), hostPattern("mesh\\.example\\.com(:443)?"));

test("a port-forward, the Service and hosts of the user's pattern are answered, on any port", () => {
  for (const host of [
    "localhost",
    "localhost:50750",
    "LOCALHOST:1",
    "127.0.0.1:8084",
    "[::1]:8084",
    "web.linkerd-viz.svc.cluster.local:8084",
    "web.linkerd-viz.svc",
    "mesh.example.com",
    "mesh.example.com:443",
  ]) {
    expect([host, guard.allowsHost(host)]).toEqual([host, true]);
  }
});

test("other names are refused, also those that only begin or end like a known one", () => {
  for (const host of [
    null,
    "",
    "evil.com",
    "localhost.evil.com",
    "evil.com:localhost",
    "xlocalhost",
    "localhost@evil.com",
    "localhost:",
    "localhost:80:80",
    "localhost, evil.com",
    "127.0.0.1.nip.io",
    "169.254.169.254",
    "mesh.example.com.evil.com",
    "amesh.example.com",
    "meshxexample.com",
    `${"a".repeat(300)}`,
  ]) {
    expect([host, guard.allowsHost(host)]).toEqual([host, false]);
  }
});

const headers = (values: Record<string, string>): Headers => new Headers({ host: "localhost:50750", ...values });

test("data goes to pages of the same host and port, and to clients that are no browsers", () => {
  expect(guard.allowsOrigin(headers({}))).toBe(true);
  expect(guard.allowsOrigin(headers({ "sec-fetch-site": "same-origin" }))).toBe(true);
  expect(guard.allowsOrigin(headers({ "sec-fetch-site": "none" }))).toBe(true);
  expect(guard.allowsOrigin(headers({ origin: "http://localhost:50750" }))).toBe(true);
});

test("data does not go to pages of another site, another port of this host, or none", () => {
  for (const values of [
    { origin: "http://evil.com" },
    { origin: "http://localhost:3000" },
    { origin: "null" },
    { origin: "http://localhost:50750.evil.com" },
    { origin: "http://evil.com/http://localhost:50750" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { origin: "http://localhost:50750", "sec-fetch-site": "cross-site" },
  ]) {
    expect([values, guard.allowsOrigin(headers(values as Record<string, string>))]).toEqual([values, false]);
  }
});
