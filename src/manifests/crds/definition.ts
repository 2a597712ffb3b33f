/** CustomResourceDefinitions from a table of versions. */
import type { JsonObject } from "../json.ts";
import type { Expr, TreeObject } from "../template/expression.ts";
import { object, string, type Schema } from "./schema.ts";

export interface CrdVersion {
  readonly name: string;
  readonly spec: Schema;
  readonly status?: Schema;
  /** Default true. */
  readonly specRequired?: boolean;
  /** Exactly one version stores. */
  readonly storage?: boolean;
  /** The version to use instead: makes kubectl warn. */
  readonly deprecatedFor?: string;
  readonly columns?: readonly Column[];
}

export interface Column {
  readonly name: string;
  readonly type: "string" | "integer" | "date";
  readonly jsonPath: string;
  readonly description?: string;
}

export const ageColumn: Column = { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" };

export interface CrdNames {
  readonly group: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

/** What the definitions of one installation share. */
export interface CrdContext {
  readonly controlPlaneNamespace: Expr<string>;
  readonly createdBy: Expr<string>;
}

/** One definition and the name that it goes by. */
export interface Crd {
  /** "servers.policy.linkerd.io". */
  readonly name: string;
  readonly make: (context: CrdContext) => TreeObject;
}

/** `extension`: whose it is when it is not the control plane's, whose `prune` and `uninstall` then leave it alone. */
export function crd(names: CrdNames, versions: readonly CrdVersion[], extension: string | null = null): Crd {
  const { group, kind, plural, singular = kind.toLowerCase(), shortNames, categories } = names;
  const name = `${plural}.${group}`;
  const make = ({ controlPlaneNamespace, createdBy }: CrdContext): TreeObject => ({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name,
      annotations: { "linkerd.io/created-by": createdBy },
      labels:
        extension === null
          ? { "linkerd.io/control-plane-ns": controlPlaneNamespace }
          : { "linkerd.io/extension": extension },
    },
    spec: {
      group,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular,
        shortNames: shortNames === undefined ? undefined : [...shortNames],
        categories: categories === undefined ? undefined : [...categories],
      },
      scope: "Namespaced",
      versions: versions.map((version) => versionOf(names, version)),
    },
  });
  return { name, make };
}

function versionOf({ group, kind }: CrdNames, version: CrdVersion): JsonObject {
  const { name, spec, status, storage = false, deprecatedFor, columns, specRequired = true } = version;
  return {
    name,
    served: true,
    storage,
    deprecated: deprecatedFor === undefined ? undefined : true,
    deprecationWarning:
      deprecatedFor === undefined
        ? undefined
        : `${group}/${name} ${kind} is deprecated; use ${group}/${deprecatedFor} ${kind}`,
    subresources: status === undefined ? undefined : { status: {} },
    additionalPrinterColumns: columns === undefined ? undefined : columns.map((column) => ({ ...column })),
    schema: {
      openAPIV3Schema: object({
        apiVersion: string(),
        kind: string(),
        metadata: { type: "object" },
        [specRequired ? "spec*" : "spec"]: spec,
        ...(status === undefined ? {} : { status }),
      }),
    },
  };
}
