/** Every built-in type, parsed once by whoever builds the API server. */
import { parseTypes } from "./notation.ts";
import type { Types } from "./notation.ts";
import { clusterTypes } from "./types-cluster.ts";
import { coreTypes } from "./types-core.ts";
import { metaTypes } from "./types-meta.ts";
import { workloadTypes } from "./types-workload.ts";

export function builtinTypes(): Types {
  return parseTypes(metaTypes, coreTypes, workloadTypes, clusterTypes);
}
