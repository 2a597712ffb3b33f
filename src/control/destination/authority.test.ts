import { describe, expect, test } from "bun:test";
import { parseAuthority } from "./authority.ts";

describe("parseAuthority", () => {
  test.each([
    ["api.web.svc.cluster.local:8080", { namespace: "web", service: "api", hostname: null, port: 8080 }],
    ["api.web.svc.cluster.local", { namespace: "web", service: "api", hostname: null, port: 80 }],
    ["API.web.svc.cluster.local.:80", { host: "api.web.svc.cluster.local" }],
    ["db-0.db.web.svc.cluster.local:80", { namespace: "web", service: "db", hostname: "db-0" }],
    ["10.0.0.1:80", { kind: "ip", ip: "10.0.0.1", port: 80 }],
    ["[fd00::1]:80", { kind: "ip", ip: "fd00::1", port: 80 }],
  ])("reads %s", (path, expected) => {
    expect(parseAuthority(path, "cluster.local")).toMatchObject(expected);
  });

  test.each([
    "",
    ":80",
    "api.web.svc.cluster.local:0",
    "api.web.svc.cluster.local:70000",
    "api.web.svc.cluster.local:x",
    "example.com:80",
    "svc.cluster.local:80",
    "api.svc.cluster.local:80",
    "a.b.c.web.svc.cluster.local:80",
    "..svc.cluster.local:80",
    `${"a".repeat(300)}.web.svc.cluster.local:80`,
    "api.web.svc.other.domain:80",
  ])("refuses %j", (path) => {
    expect(() => parseAuthority(path, "cluster.local")).toThrow(JSON.stringify(path).slice(0, 5));
  });
});
