/** `linkerd diagnostics …`: what the parts of the mesh know, as raw as they know it. */
import type { Register } from "../shell.ts";
import { register as endpoints } from "./diagnostics-endpoints.ts";
import { register as metrics } from "./diagnostics-metrics.ts";
import { register as policy } from "./diagnostics-policy.ts";

export const register: Register = (parent, shell) => {
  const diagnostics = parent
    .command("diagnostics")
    .alias("dg")
    .description("Print what control plane and proxies know, as raw as they know it")
    .addHelpText(
      "after",
      `
Examples:
  linkerd diagnostics endpoints web.emojivoto.svc.cluster.local:80   # who is behind a name
  linkerd diagnostics policy -n emojivoto svc/web 80                 # what a proxy is told to allow
  linkerd diagnostics profile 10.96.0.17:80                          # what a proxy is told about an address
  linkerd diagnostics proxy-metrics -n emojivoto deploy/web
  linkerd diagnostics controller-metrics`,
    );
  for (const part of [metrics, endpoints, policy]) part(diagnostics, shell);
};
