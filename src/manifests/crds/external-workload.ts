/** ExternalWorkload: a machine outside of the cluster that is part of the mesh. */
import { ageColumn, crd } from "./definition.ts";
import { array, condition, object, oneOf, port, string, text, type Schema } from "./schema.ts";

const tls = object({ "identity*": text(1, 253), "serverName*": text(1, 253) });
const ports = array(object({ name: string(), "port*": port, protocol: oneOf(["TCP", "UDP"], { default: "TCP" }) }));
const addresses = (max: number): Schema => array(object({ ip: string() }), { maxItems: max });
const status = object({ conditions: array(condition(false)) });
const identityColumn = (jsonPath: string) => ({ name: "Identity", type: "string", jsonPath }) as const;

export const externalWorkload = crd(
  { group: "workload.linkerd.io", kind: "ExternalWorkload", plural: "externalworkloads", categories: ["external"] },
  [
    {
      name: "v1alpha1",
      // The spelling of the first version.
      spec: object({ "meshTls*": tls, ports, workloadIPs: addresses(1) }),
      status,
      columns: [identityColumn(".spec.meshTls.identity"), ageColumn],
    },
    {
      name: "v1beta1",
      storage: true,
      spec: object({ "meshTLS*": tls, ports, workloadIPs: addresses(2) }),
      status,
      columns: [identityColumn(".spec.meshTLS.identity"), ageColumn],
    },
  ],
);
