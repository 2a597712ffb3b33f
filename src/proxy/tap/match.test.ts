import { describe, expect, test } from "bun:test";
import { ipMessage } from "#rpc/address.ts";
import { ObserveRequest_MatchSchema } from "#rpc/gen/tap_pb.ts";
import { create } from "#rpc/protobuf/create.ts";
import { compileMatch, type TappedRequest } from "./match.ts";

const request: TappedRequest = {
  source: { ip: "10.0.0.1", port: 40_000 },
  destination: { ip: "fd00::7", port: 8080 },
  destinationLabels: { deployment: "web" },
  routeLabels: {},
  method: "GET",
  scheme: "http",
  authority: "web.ns:80",
  path: "/a/b",
};

/** Whether it matches. */
const matches = (match: object): boolean =>
  compileMatch(create(ObserveRequest_MatchSchema, { match } as never))(request);
const one = (kind: string, value: object) => ({ case: kind, value });
const http = (kind: string, value: object) => one("http", { match: { case: kind, value } });
const path = (kind: string, value: string) => http("path", { match: { case: kind, value } });
const term = (match: object) => ({ match });

describe("A match", () => {
  test("of nothing is true of everything", () => {
    expect(compileMatch(undefined)(request)).toBe(true);
  });

  test("looks at method, scheme, authority and path", () => {
    expect(matches(http("method", { type: { case: "registered", value: 0 } }))).toBe(true);
    expect(matches(http("method", { type: { case: "registered", value: 1 } }))).toBe(false);
    expect(matches(http("method", { type: { case: "unregistered", value: "PURGE" } }))).toBe(false);
    expect(matches(http("scheme", { type: { case: "registered", value: 1 } }))).toBe(false);
    expect(matches(http("authority", { match: { case: "exact", value: "web.ns:80" } }))).toBe(true);
    expect(matches(path("prefix", "/a"))).toBe(true);
    expect(matches(path("exact", "/a"))).toBe(false);
  });

  test("looks at addresses and ports of both families", () => {
    const net = (ip: string, mask: number) => ({ match: { case: "netmask", value: { ip: ipMessage(ip)!, mask } } });
    const ports = (min: number, max: number) => ({ match: { case: "ports", value: { min, max } } });
    expect(matches(one("source", net("10.0.0.0", 8)))).toBe(true);
    expect(matches(one("source", net("11.0.0.0", 8)))).toBe(false);
    expect(matches(one("destination", net("fd00::", 16)))).toBe(true);
    expect(matches(one("destination", net("10.0.0.0", 8)))).toBe(false);
    expect(matches(one("destination", ports(8080, 8080)))).toBe(true);
    expect(matches(one("destination", ports(1, 80)))).toBe(false);
    expect(() => matches(one("source", net("10.0.0.0", 33)))).toThrow("a network is none");
  });

  test("looks at labels, and joins terms by all, any and not", () => {
    const label = one("destinationLabel", { key: "deployment", value: "web" });
    const other = one("destinationLabel", { key: "deployment", value: "emoji" });
    expect(matches(label)).toBe(true);
    expect(matches(one("routeLabel", { key: "a", value: "b" }))).toBe(false);
    expect(matches(one("all", { matches: [term(label), term(other)] }))).toBe(false);
    expect(matches(one("any", { matches: [term(label), term(other)] }))).toBe(true);
    expect(matches(one("not", term(other)))).toBe(true);
    expect(matches(one("all", { matches: [] }))).toBe(true);
    expect(matches(one("any", { matches: [] }))).toBe(false);
  });

  test("is refused when a term is empty, or it is too deep or too large", () => {
    expect(() => matches(one("all", { matches: [{}] }))).toThrow("a term is empty");
    let deep: object = path("exact", "/");
    for (let at = 0; at < 20; at++) deep = one("not", term(deep));
    expect(() => matches(deep)).toThrow("The match can't be used");
    const many = Array.from({ length: 300 }, () => term(path("exact", "/")));
    expect(() => matches(one("any", { matches: many }))).toThrow("more than 256 terms");
  });
});
