/**
 * OpenAPI v3, one document a group version, and v2 in JSON: enough for kubectl's explain, for its check that the server
 * validates fields, and for its choice of merge keys. Paths name only what those read.
 */
import type { Catalog } from "../catalog.ts";
import type { ResourceInfo } from "../resource-info.ts";
import type { FieldType, Types } from "../schema/notation.ts";
import { groupVersion } from "../registry.ts";

type Json = Record<string, unknown>;

const metaNames = new Set(["ObjectMeta", "OwnerReference", "LabelSelector", "LabelSelectorRequirement", "Condition"]);

function schemaName(type: string): string {
  return metaNames.has(type) ? `io.k8s.apimachinery.pkg.apis.meta.v1.${type}` : `io.k8s.api.v1.${type}`;
}

function fieldSchema(type: FieldType, prefix: string): Json {
  switch (type.kind) {
    case "object":
      return { allOf: [{ $ref: `${prefix}${schemaName(type.name)}` }] };
    case "list": {
      const item =
        type.item.kind === "object"
          ? { $ref: `${prefix}${schemaName(type.item.name)}` }
          : fieldSchema(type.item, prefix);
      const merge = type.merge === null ? {} : { "x-kubernetes-patch-strategy": "merge" };
      const key = type.merge === null || type.merge === "" ? {} : { "x-kubernetes-patch-merge-key": type.merge };
      return { type: "array", items: item, ...merge, ...key };
    }
    case "map":
      return { type: "object", additionalProperties: fieldSchema(type.value, prefix) };
    case "enum":
      return { type: "string", enum: type.values };
    case "int":
      return { type: "integer", format: "int64" };
    case "number":
      return { type: "number", format: "double" };
    case "bool":
      return { type: "boolean" };
    case "time":
      return { type: "string", format: "date-time" };
    case "bytes":
      return { type: "string", format: "byte" };
    case "intstr":
      return { type: "string", format: "int-or-string" };
    case "any":
      return { type: "object", "x-kubernetes-preserve-unknown-fields": true };
    default:
      return { type: "string" };
  }
}

function collect(types: Types, name: string, prefix: string, into: Json): void {
  const key = schemaName(name);
  if (into[key] !== undefined) return;
  const type = types.get(name);
  const properties: Json = {};
  const required: string[] = [];
  into[key] = { type: "object", description: `${name} of the Kubernetes API.`, properties };
  for (const field of type?.fields.values() ?? []) {
    const fallback = field.fallback === undefined ? {} : { default: field.fallback };
    properties[field.name] = { description: "", ...fieldSchema(field.type, prefix), ...fallback };
    if (field.required) required.push(field.name);
    for (const nested of names(field.type)) collect(types, nested, prefix, into);
  }
  if (required.length > 0) (into[key] as Json)["required"] = required;
}

function names(type: FieldType): string[] {
  if (type.kind === "object") return [type.name];
  if (type.kind === "list") return names(type.item);
  return type.kind === "map" ? names(type.value) : [];
}

const queries = ["dryRun", "fieldManager", "fieldValidation", "pretty"].map((name) => ({
  name,
  in: "query",
  schema: { type: "string", uniqueItems: true },
}));

function operation(info: ResourceInfo, action: string, ref: string): Json {
  return {
    operationId: `${action}${info.kind}`,
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": { group: info.group, kind: info.kind, version: info.version },
    parameters: action === "get" || action === "list" ? [] : queries,
    responses: { "200": { description: "OK", content: { "application/json": { schema: { $ref: ref } } } } },
  };
}

function pathsOf(info: ResourceInfo, ref: string): Json {
  const root = info.group === "" ? `/api/${info.version}` : `/apis/${groupVersion(info)}`;
  const scope = info.namespaced ? "/namespaces/{namespace}" : "";
  const collection = `${root}${scope}/${info.resource}`;
  return {
    [collection]: { get: operation(info, "list", ref), post: operation(info, "post", ref) },
    [`${collection}/{name}`]: {
      get: operation(info, "get", ref),
      put: operation(info, "put", ref),
      patch: operation(info, "patch", ref),
      delete: operation(info, "delete", ref),
    },
  };
}

function customName(info: ResourceInfo): string {
  return `${info.group.split(".").toReversed().join(".")}.${info.version}.${info.kind}`;
}

function addResource(types: Types, info: ResourceInfo, prefix: string, schemas: Json): string {
  const gvk = [{ group: info.group, kind: info.kind, version: info.version }];
  if (info.published === null) {
    collect(types, info.kind, prefix, schemas);
    const key = schemaName(info.kind);
    schemas[key] = { ...(schemas[key] as Json), "x-kubernetes-group-version-kind": gvk };
    return `${prefix}${key}`;
  }
  collect(types, "ObjectMeta", prefix, schemas);
  const published = info.published;
  const properties = {
    ...(published["properties"] as Json | undefined),
    apiVersion: { type: "string" },
    kind: { type: "string" },
    metadata: { allOf: [{ $ref: `${prefix}${schemaName("ObjectMeta")}` }] },
  };
  const key = customName(info);
  schemas[key] = { type: "object", ...published, properties, "x-kubernetes-group-version-kind": gvk };
  return `${prefix}${key}`;
}

const about = { title: "Kubernetes", version: "v1.34.0+linkerd-local" };

/** GET /openapi/v3. */
export function openapiIndex(catalog: Catalog): Json {
  const paths: Json = {};
  for (const info of catalog.all()) {
    const path = info.group === "" ? `api/${info.version}` : `apis/${groupVersion(info)}`;
    // The hash lets kubectl keep what it read until resources change.
    paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${catalog.generation}` };
  }
  return { paths };
}

/** GET /openapi/v3/api/v1 and /openapi/v3/apis/GROUP/VERSION; null when nothing is served there. */
export function openapiDocument(catalog: Catalog, types: Types, group: string, version: string): Json | null {
  const infos = catalog.all().filter((info) => info.group === group && info.version === version);
  if (infos.length === 0) return null;
  const schemas: Json = {};
  let paths: Json = {};
  for (const info of infos) {
    paths = { ...paths, ...pathsOf(info, addResource(types, info, "#/components/schemas/", schemas)) };
  }
  return { openapi: "3.0.0", info: about, paths, components: { schemas } };
}

/** GET /openapi/v2 in JSON. */
export function swaggerDocument(catalog: Catalog, types: Types): Json {
  const definitions: Json = {};
  for (const info of catalog.all()) addResource(types, info, "#/definitions/", definitions);
  return { swagger: "2.0", info: about, paths: {}, definitions };
}

/**
 * GET /openapi/v2 in protobuf (openapi.v2.Document of gnostic), the only form in which kubectl asks for it: for objects of kind
 * List. It describes no type, so that kubectl checks nothing by itself and leaves it to the server.
 */
export function swaggerProtobuf(): Uint8Array<ArrayBuffer> {
  const field = (number: number, content: Uint8Array): Buffer =>
    Buffer.concat([Buffer.from([(number << 3) | 2, content.length]), content]);
  const info = Buffer.concat([field(1, Buffer.from(about.title)), field(2, Buffer.from(about.version))]);
  return new Uint8Array(Buffer.concat([field(1, Buffer.from("2.0")), field(2, info)]));
}
