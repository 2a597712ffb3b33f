/** The names of resources as users type them, for clients. */
export {
  resourceKinds,
  parseResource,
  resourceKind,
  type ResourceKind,
  type ResourceRef,
} from "../metrics/resource.ts";
