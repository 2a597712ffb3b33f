import { expect, test } from "bun:test";
import { create } from "#rpc/protobuf/create.ts";
import { ServerSchema } from "#rpc/gen/inbound_pb.ts";
import { parseRequestHead } from "#wire/http1/parse-request.ts";
import { findRoute } from "../route/match.ts";
import { serverPolicy } from "./server-policy-message.ts";

const head = (path: string, more = "") => parseRequestHead(`POST ${path} HTTP/1.1\r\nhost: web\r\n${more}`);
const named = (name: string) =>
  ({ kind: { case: "resource", value: { group: "policy.linkerd.io", kind: "route", name } } }) as const;

test("a gRPC route permits its methods and headers only, each rule by itself", () => {
  const policy = serverPolicy(
    create(ServerSchema, {
      protocol: {
        kind: {
          case: "grpc",
          value: {
            routes: [
              {
                metadata: named("reads"),
                rules: [
                  { matches: [{ rpc: { service: "a.Books", method: "Get" } }] },
                  {
                    matches: [
                      { rpc: { method: "List" }, headers: [{ name: "X-T", value: { case: "regex", value: "r.*" } }] },
                    ],
                  },
                ],
              },
            ],
          },
        },
      },
    }),
    10_000,
  );
  const find = (path: string, more = ""): string | null =>
    findRoute(policy.routes ?? [], head(path, more))?.origin.name ?? null;
  expect(find("/a.Books/Get")).toBe("reads");
  expect(find("/a.Books/Delete")).toBeNull();
  expect(find("/b.Films/List")).toBeNull();
  expect(find("/b.Films/List", "x-t: reader\r\n")).toBe("reads");
});

test("a kind of match that is not known matches nothing, and a rule without matches everything", () => {
  const policy = serverPolicy(
    create(ServerSchema, {
      protocol: {
        kind: {
          case: "http1",
          value: {
            routes: [
              {
                metadata: named("new"),
                rules: [
                  { matches: [{ path: { kind: { case: undefined } } }, { method: { type: { case: undefined } } }] },
                ],
              },
              {
                metadata: named("all"),
                rules: [{}, { matches: [{ path: { kind: { case: "exact", value: "/x" } } }] }],
              },
            ],
          },
        },
      },
    }),
    10_000,
  );
  expect(findRoute(policy.routes ?? [], head("/y"))?.origin.name).toBe("all");
});
