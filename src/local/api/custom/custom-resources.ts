/** Serves what CustomResourceDefinitions define, from the moment of their write to that of their removal. */
import { namespaceOf } from "../../store/object.ts";
import type { KubeObject } from "../../store/object.ts";
import type { Store } from "../../store/store.ts";
import { storageKey } from "../../store/store.ts";
import type { Catalog } from "../catalog.ts";
import { record, records, text } from "../kinds/strategy.ts";
import type { Rec } from "../kinds/strategy.ts";
import type { ResourceInfo, ScalePaths, Strategy } from "../resource-info.ts";
import { decode } from "../schema/decode.ts";
import type { Types } from "../schema/notation.ts";
import { badRequest } from "../status-error.ts";
import type { StatusCause } from "../status-error.ts";
import { age } from "../table/age.ts";
import { ageColumn, column, nameColumn } from "../table/column.ts";
import type { Column } from "../table/column.ts";
import { parseJsonPath, readJsonPath } from "./json-path.ts";
import { fillDefaults, prune } from "./schema.ts";
import type { Schema } from "./schema.ts";
import { validate } from "./validate.ts";

const definitions = "customresourcedefinitions.apiextensions.k8s.io";
const allVerbs = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];

function customStrategy(types: Types, schema: Schema): Strategy {
  return {
    root: null,
    strategic: false,
    decode(raw, version) {
      const { apiVersion, kind, metadata = {}, ...rest } = structuredClone(raw);
      const unknown: string[] = [];
      prune(schema, rest, "", unknown);
      if (typeof metadata !== "object" || metadata === null) throw badRequest("metadata must be an object");
      const meta = decode(types, "ObjectMeta", metadata, version);
      unknown.push(...meta.unknown.map((path) => `metadata.${path}`));
      return { value: { apiVersion, kind, metadata: meta.value, ...rest }, unknown };
    },
    defaults(object) {
      fillDefaults(schema, object);
    },
    validate(object) {
      const causes: StatusCause[] = [];
      const { apiVersion: _apiVersion, kind: _kind, metadata: _metadata, ...rest } = object;
      // What every object has needs no mention in the schema.
      const needed =
        schema.required?.filter((name) => name !== "metadata" && name !== "kind" && name !== "apiVersion") ?? [];
      validate({ ...schema, required: needed }, rest, "", causes);
      return causes;
    },
  };
}

function customColumns(version: Rec): readonly Column[] {
  const wanted = records(version["additionalPrinterColumns"]);
  if (wanted.length === 0) return [nameColumn, ageColumn];
  const made = wanted.map((entry): Column => {
    const type = text(entry["type"]);
    const steps = parseJsonPath(text(entry["jsonPath"]));
    const base = column(text(entry["name"]), (object, now) => {
      const found = steps === null ? [] : readJsonPath(steps, object);
      const [first] = found;
      if (first === undefined) return null;
      if (type === "date") return age(first, now);
      if (found.length > 1 || typeof first === "object") {
        return found.map((item) => (typeof item === "object" ? JSON.stringify(item) : String(item))).join(",");
      }
      return first as string | number | boolean;
    });
    return {
      ...base,
      // Dates are sent as ages, which are text.
      type: type === "date" ? "string" : (type as Column["type"]),
      format: text(entry["format"]),
      description: text(entry["description"]),
      priority: Number(entry["priority"] ?? 0),
    };
  });
  return [nameColumn, ...made];
}

function scaleOf(subresources: Rec): ScalePaths | null {
  const scale = subresources["scale"];
  if (scale === undefined) return null;
  const paths = record(scale);
  return {
    specReplicas: text(paths["specReplicasPath"]),
    statusReplicas: text(paths["statusReplicasPath"]),
    selector: paths["labelSelectorPath"] === undefined ? null : text(paths["labelSelectorPath"]),
  };
}

/** The resource of each served version of a definition. */
export function definedResources(types: Types, definition: KubeObject): ResourceInfo[] {
  const spec = record(definition["spec"]);
  const names = record(spec["names"]);
  const group = text(spec["group"]);
  const plural = text(names["plural"]);
  return records(spec["versions"])
    .filter((version) => version["served"] === true)
    .map((version) => {
      const schema = record(record(version["schema"])["openAPIV3Schema"]) as Schema;
      const subresources = record(version["subresources"]);
      return {
        group,
        version: text(version["name"]),
        resource: plural,
        singular: text(names["singular"]),
        kind: text(names["kind"]),
        listKind: text(names["listKind"]),
        shortNames: (names["shortNames"] as string[] | undefined) ?? [],
        categories: (names["categories"] as string[] | undefined) ?? [],
        namespaced: spec["scope"] === "Namespaced",
        key: storageKey(group, plural),
        verbs: allVerbs,
        status: subresources["status"] !== undefined,
        scale: scaleOf(subresources),
        extras: [],
        generation: true,
        nameRule: "subdomain",
        custom: true,
        published: schema as Record<string, unknown>,
        columns: customColumns(version),
        strategy: customStrategy(types, schema),
      };
    });
}

/**
 * Keeps the catalog in step with the definitions in the store. A removed definition takes its objects with it at once,
 * whatever finalizers they have.
 */
export function serveCustomResources(store: Store, catalog: Catalog, types: Types): void {
  const keyOf = (definition: KubeObject): string => {
    const spec = record(definition["spec"]);
    return storageKey(text(spec["group"]), text(record(spec["names"])["plural"]));
  };
  for (const definition of store.list(definitions))
    catalog.setCustom(keyOf(definition), definedResources(types, definition));
  store.watch(definitions, (event) => {
    const key = keyOf(event.object);
    if (event.type !== "DELETED") {
      catalog.setCustom(key, definedResources(types, event.object));
      return;
    }
    for (const object of store.list(key)) store.delete(key, namespaceOf(object), object.metadata.name);
    catalog.setCustom(key, []);
  });
}
