import { expect, test } from "bun:test";
import { parseYaml } from "#manifests/yaml.ts";
import { openApiRoutes, pathRegex } from "./open-api.ts";
import { serviceProfile } from "./profile.ts";
import { protoRoutes } from "./proto.ts";
import { profileTemplate } from "./template.ts";

const target = { service: "web-svc", namespace: "emojivoto", clusterDomain: "cluster.local" };

test("the template is a ServiceProfile", () => {
  const [profile] = parseYaml(profileTemplate(target), "template");
  expect(profile).toMatchObject({
    kind: "ServiceProfile",
    metadata: { name: "web-svc.emojivoto.svc.cluster.local", namespace: "emojivoto" },
    spec: { routes: [{ condition: { pathRegex: "/authors/\\d+", method: "POST" } }] },
  });
});

test("OpenAPI: paths are sorted, methods alphabetical, parameters one segment", () => {
  const routes = openApiRoutes(
    {
      basePath: "/v1/",
      paths: {
        "/users/{id}": {
          post: {
            "x-linkerd-retryable": true,
            "x-linkerd-timeout": "60s",
            responses: { 200: {}, 503: {}, default: {} },
          },
          get: {},
        },
        "/a.b": { get: {} },
      },
    },
    "x.yaml",
  );
  expect(routes.map(({ name, pathRegex }) => [name, pathRegex])).toEqual([
    ["GET /v1/a.b", "/v1/a\\.b"],
    ["GET /v1/users/{id}", "/v1/users/[^/]*"],
    ["POST /v1/users/{id}", "/v1/users/[^/]*"],
  ]);
  expect(serviceProfile(target, routes.slice(2))["spec"]).toEqual({
    routes: [
      {
        name: "POST /v1/users/{id}",
        condition: { method: "POST", pathRegex: "/v1/users/[^/]*" },
        isRetryable: true,
        timeout: "60s",
        responseClasses: [
          { condition: { status: { min: 200, max: 200 } } },
          { condition: { status: { min: 503, max: 503 } }, isFailure: true },
        ],
      },
    ],
  });
  expect(pathRegex("/{a}/{b}.json")).toBe("/[^/]*/[^/]*\\.json");
});

test("OpenAPI 3 takes the base path from its first server", () => {
  const document = { servers: [{ url: "https://api.example.org/v2" }], paths: { "/x": { get: {} } } };
  expect(openApiRoutes(document, "x")[0]?.name).toBe("GET /v2/x");
  expect(() => openApiRoutes({ paths: 1 }, "x.yaml")).toThrow('"x.yaml" is no OpenAPI document');
});

const proto = `
// service Comment { rpc Nothing (A) returns (B); }
syntax = "proto3";
package emojivoto.v1;
message Vote { oneof x { string rpc = 1; } }
service VotingService {
  option deprecated = true;
  rpc VoteJoy (VoteRequest) returns (stream VoteResponse) { option (google.api.http) = { get: "/a" }; }
  rpc Results(R) returns (S);
  /* rpc Hidden (A) returns (B); */
  rpc Get (R) returns (S) {
    option idempotency_level = NO_SIDE_EFFECTS;
  }
}
service Other { rpc Ping (A) returns (B) {} }
`;

test("protobuf: one route for each method, retryable when it is declared idempotent", () => {
  expect(protoRoutes(proto, "voting.proto").map((route) => [route.name, route.pathRegex, route.isRetryable])).toEqual([
    ["VoteJoy", "/emojivoto\\.v1\\.VotingService/VoteJoy", false],
    ["Results", "/emojivoto\\.v1\\.VotingService/Results", false],
    ["Get", "/emojivoto\\.v1\\.VotingService/Get", true],
    ["Ping", "/emojivoto\\.v1\\.Other/Ping", false],
  ]);
  expect(protoRoutes("service S { rpc M (A) returns (B); }", "x")[0]?.pathRegex).toBe("/S/M");
});

test("protobuf: what can't be read is refused with the file's name", () => {
  expect(() => protoRoutes("service S { rpc M", "x.proto")).toThrow('Could not read "x.proto"');
  expect(() => protoRoutes("message M {}", "x.proto")).toThrow('"x.proto" defines no service');
});
