import { expect, test } from "bun:test";
import type { ResourceRef } from "../resource-ref.ts";
import { resources } from "../resource-ref.ts";
import type { StatusCause } from "../status-error.ts";
import { createFixture } from "../testing/fixture.ts";
import type { Fixture } from "../testing/fixture.ts";
import { createServer } from "../testing/server.ts";
import { parseJsonPath, readJsonPath } from "./json-path.ts";
import type { Schema } from "./schema.ts";
import { validate } from "./validate.ts";

const ref = (version: string): ResourceRef => ({ group: "example.com", version, resource: "widgets" });

const schema: Schema = {
  type: "object",
  required: ["spec"],
  properties: {
    spec: {
      type: "object",
      required: ["port"],
      properties: {
        port: { "x-kubernetes-int-or-string": true },
        mode: { type: "string", default: "slow", enum: ["slow", "fast"] },
        free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
        nested: { type: "object", properties: { depth: { type: "integer", default: 3 } } },
      },
    },
    status: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
  },
};

function definition(extra: Record<string, unknown> = {}) {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "widgets.example.com" },
    spec: {
      group: "example.com",
      scope: "Namespaced",
      names: { plural: "widgets", kind: "Widget", shortNames: ["wd"] },
      versions: [
        { name: "v1alpha1", served: true, storage: false, schema: { openAPIV3Schema: schema } },
        {
          name: "v1",
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: [{ name: "Port", type: "string", jsonPath: ".spec.port" }],
          schema: { openAPIV3Schema: schema },
        },
      ],
      ...extra,
    },
  };
}

const widget = (spec: unknown, version = "v1") => ({
  apiVersion: `example.com/${version}`,
  kind: "Widget",
  metadata: { name: "w", namespace: "default" },
  spec,
});

async function withDefinition(): Promise<Fixture> {
  const fixture = await createFixture();
  const made = await fixture.api.client.create(resources.customResourceDefinitions, definition());
  const status = made["status"] as { conditions: Array<{ type: string; status: string }> };
  expect(status.conditions.find((item) => item.type === "Established")?.status).toBe("True");
  return fixture;
}

test("objects get defaults, and fields outside the schema are dropped", async () => {
  const { api } = await withDefinition();
  const made = await api.client.create(ref("v1"), widget({ port: "http", bogus: 1, free: { any: [1] }, nested: {} }));
  expect(made["spec"]).toEqual({ port: "http", mode: "slow", free: { any: [1] }, nested: { depth: 3 } });
});

test("what breaks the schema is refused by its path", async () => {
  const { api } = await withDefinition();
  const refused = async (spec: unknown): Promise<string> => {
    try {
      await api.client.create(ref("v1"), widget(spec));
      return "accepted";
    } catch (thrown) {
      return String(thrown);
    }
  };
  expect(await refused({})).toContain('Widget.example.com "w" is invalid: spec.port: Required value');
  expect(await refused({ port: 1, mode: "odd" })).toContain(
    'spec.mode: Unsupported value: "odd": supported values: "slow", "fast"',
  );
  expect(await refused({ port: 1, nested: { depth: "deep" } })).toContain(
    "spec.nested.depth in body must be of type integer",
  );
});

test("one object is read in every served version", async () => {
  const { api } = await withDefinition();
  await api.client.create(ref("v1alpha1"), widget({ port: 1 }, "v1alpha1"));
  expect(api.client.get(ref("v1"), "default", "w")?.apiVersion).toBe("example.com/v1");
  expect(api.client.get(ref("v1alpha1"), "default", "w")?.apiVersion).toBe("example.com/v1alpha1");
});

test("generation counts the spec, not the status", async () => {
  const { api } = await withDefinition();
  await api.client.create(ref("v1"), widget({ port: 1 }));
  const status = await api.client.patch(ref("v1"), "default", "w", { status: { ok: true } }, { subresource: "status" });
  expect(status.metadata.generation).toBe(1);
  expect((await api.client.patch(ref("v1"), "default", "w", { spec: { port: 2 } })).metadata.generation).toBe(2);
});

test("a removed definition takes its objects and its path along", async () => {
  const { api, store } = await withDefinition();
  await api.client.create(ref("v1"), widget({ port: 1 }));
  await api.client.delete(resources.customResourceDefinitions, "", "widgets.example.com");
  expect(store.list("widgets.example.com")).toEqual([]);
  expect(() => api.client.list(ref("v1"))).toThrow("could not find the requested resource");
});

test("a definition that can't be served is refused", async () => {
  const { api } = await createFixture();
  const twoStored = definition();
  for (const version of twoStored.spec.versions) version.storage = true;
  await expect(api.client.create(resources.customResourceDefinitions, twoStored)).rejects.toThrow(
    "exactly one version marked as storage version",
  );
  const converting = definition({ conversion: { strategy: "Webhook" } });
  await expect(api.client.create(resources.customResourceDefinitions, converting)).rejects.toThrow(
    "conversion webhooks are not served",
  );
});

test("kubectl's view has the printer columns and the short name", async () => {
  const server = await createServer();
  await server.api.client.create(resources.customResourceDefinitions, definition());
  await server.api.client.create(ref("v1"), widget({ port: "http" }));
  const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
  const response = await server.request("/apis/example.com/v1/namespaces/default/widgets", { headers: { accept } });
  const table = (await response.json()) as {
    columnDefinitions: Array<{ name: string }>;
    rows: Array<{ cells: unknown[] }>;
  };
  expect(table.columnDefinitions.map((item) => item.name)).toEqual(["Name", "Port"]);
  expect(table.rows[0]?.cells).toEqual(["w", "http"]);
  const discovery = (await (await server.request("/apis/example.com/v1")).json()) as {
    resources: Array<{ shortNames?: string[] }>;
  };
  expect(discovery.resources[0]?.shortNames).toEqual(["wd"]);
  server.listener.close();
});

test("oneOf, patterns, ranges and sets are judged", () => {
  const judge = (rules: Schema, value: unknown): string[] => {
    const causes: StatusCause[] = [];
    validate(rules, value, "spec.x", causes);
    return causes.map((cause) => cause.message);
  };
  const choice: Schema = { type: "object", oneOf: [{ required: ["a"] }, { required: ["b"] }] };
  expect(judge(choice, { a: 1 })).toEqual([]);
  expect(judge(choice, { a: 1, b: 1 })[0]).toContain("must validate one and only one schema (oneOf). Found 2 valid");
  expect(judge({ type: "string", pattern: "^a+$" }, "b")[0]).toContain("should match '^a+$'");
  expect(judge({ type: "integer", minimum: 0, maximum: 9 }, 10)[0]).toContain("less than or equal to 9");
  expect(judge({ type: "array", "x-kubernetes-list-type": "set", items: { type: "string" } }, ["a", "a"])[0]).toContain(
    "Duplicate value",
  );
  expect(judge({ type: "string", nullable: true }, null)).toEqual([]);
});

test("JSON paths of printer columns lead through lists and conditions", () => {
  const object = {
    status: { conditions: [{ type: "Ready", status: "True" }] },
    spec: { ports: [{ p: 1 }, { p: 2 }], "a-b": 5 },
  };
  const read = (path: string): unknown[] => readJsonPath(parseJsonPath(path) ?? [], object);
  expect(read('.status.conditions[?(@.type=="Ready")].status')).toEqual(["True"]);
  expect(read(".spec.ports[*].p")).toEqual([1, 2]);
  expect(read(".spec['a-b']")).toEqual([5]);
  expect(read(".spec.missing.deeper")).toEqual([]);
  expect(parseJsonPath(".spec..x")).toBeNull();
});
