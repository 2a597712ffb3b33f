/** Server and ServerAuthorization: ports of pods, and who may connect to them. */
import { crd } from "./definition.ts";
import {
  array,
  boolean,
  exactlyOne,
  identityPattern,
  intOrString,
  label,
  labelSelector,
  network,
  object,
  oneOf,
  string,
} from "./schema.ts";

const group = "policy.linkerd.io";
const portColumn = {
  name: "Port",
  type: "string",
  jsonPath: ".spec.port",
  description: "Port name or number",
} as const;
const protocolColumn = {
  name: "Protocol",
  type: "string",
  jsonPath: ".spec.proxyProtocol",
  description: "Protocol of inbound connections",
} as const;
const accessColumn = {
  name: "Access Policy",
  type: "string",
  jsonPath: ".spec.accessPolicy",
  description: "What holds for connections that no authorization allows",
} as const;

const proxyProtocol = oneOf(["unknown", "HTTP/1", "HTTP/2", "gRPC", "opaque", "TLS"], { default: "unknown" });
const podsOnly = object({ "podSelector*": labelSelector(), "port*": intOrString, proxyProtocol });
const workloads = { podSelector: labelSelector(), externalWorkloadSelector: labelSelector() };
const oneSelector = exactlyOne("podSelector", "externalWorkloadSelector");
const accessPolicy = oneOf(
  ["all-unauthenticated", "all-authenticated", "cluster-unauthenticated", "cluster-authenticated", "deny", "audit"],
  { default: "deny" },
);

export const server = crd({ group, kind: "Server", plural: "servers", shortNames: ["srv"] }, [
  { name: "v1alpha1", spec: podsOnly, deprecatedFor: "v1beta3" },
  { name: "v1beta1", spec: podsOnly, deprecatedFor: "v1beta3", columns: [portColumn, protocolColumn] },
  {
    name: "v1beta2",
    spec: object({ ...workloads, "port*": intOrString, proxyProtocol }, oneSelector),
    columns: [portColumn, protocolColumn],
  },
  {
    name: "v1beta3",
    spec: object({ ...workloads, "port*": intOrString, proxyProtocol, accessPolicy }, oneSelector),
    storage: true,
    columns: [portColumn, protocolColumn, accessColumn],
  },
]);

const authorization = object({
  "server*": object({ name: label, selector: labelSelector() }, exactlyOne("name", "selector")),
  "client*": object({
    networks: array(network),
    unauthenticated: boolean,
    meshTLS: object({
      unauthenticatedTLS: boolean,
      identities: array(identityPattern),
      serviceAccounts: array(
        object({ "name*": string({ pattern: "^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$" }), namespace: label }),
      ),
    }),
  }),
});

export const serverAuthorization = crd(
  {
    group,
    kind: "ServerAuthorization",
    plural: "serverauthorizations",
    shortNames: ["saz", "serverauthz", "srvauthz"],
  },
  [
    { name: "v1alpha1", spec: authorization, deprecatedFor: "v1beta1" },
    {
      name: "v1beta1",
      spec: authorization,
      storage: true,
      columns: [
        {
          name: "Server",
          type: "string",
          jsonPath: ".spec.server.name",
          description: "The server that this applies to",
        },
      ],
    },
  ],
);
