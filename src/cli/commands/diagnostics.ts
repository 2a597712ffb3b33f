/** `linkerd diagnostics …`: what the parts of the mesh know, as raw as they know it. */
import { register as controllerMetrics } from "./diagnostics-metrics.ts";
import type { Register } from "../shell.ts";

export const register: Register = (parent, shell) => {
  const diagnostics = parent.command("diagnostics").alias("dg").description("Look into the parts of the mesh");
  controllerMetrics(diagnostics, shell);
};
