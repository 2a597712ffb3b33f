/** `linkerd diagnostics …`: what the parts of the mesh know, as raw as they know it. */
import type { Register } from "../shell.ts";
import { register as endpoints } from "./diagnostics-endpoints.ts";
import { register as metrics } from "./diagnostics-metrics.ts";
import { register as policy } from "./diagnostics-policy.ts";

export const register: Register = (parent, shell) => {
  const diagnostics = parent.command("diagnostics").alias("dg").description("Look into the parts of the mesh");
  for (const part of [metrics, endpoints, policy]) part(diagnostics, shell);
};
