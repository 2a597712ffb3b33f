/** The Services that every cluster has: "kubernetes" (the API server) and "kube-dns". They lead to the node itself. */
import type { LocalClient } from "../api/client.ts";
import { resources } from "../api/resource-ref.ts";
import { apiPort, apiServiceIp, dnsIp, nodeIp } from "../network/addresses.ts";
import type { Service } from "../types.ts";
import { ignoreExisting, type ControllerContext } from "./context.ts";

export interface ClusterService {
  readonly namespace: string;
  readonly name: string;
  readonly ip: string;
  readonly ports: ReadonlyArray<{
    readonly name: string;
    readonly port: number;
    readonly protocol: string;
    readonly target: number;
  }>;
}

const apiService: ClusterService = {
  namespace: "default",
  name: "kubernetes",
  ip: apiServiceIp,
  ports: [{ name: "https", port: 443, protocol: "TCP", target: apiPort }],
};

export const dnsService: ClusterService = {
  namespace: "kube-system",
  name: "kube-dns",
  ip: dnsIp,
  ports: [
    { name: "dns", port: 53, protocol: "UDP", target: 53 },
    { name: "dns-tcp", port: 53, protocol: "TCP", target: 53 },
  ],
};

/** The Service and its one endpoint, the node. */
export async function ensureClusterService(
  client: Pick<LocalClient, "get" | "create">,
  { namespace, name, ip, ports }: ClusterService,
): Promise<void> {
  const labels = { component: name === "kubernetes" ? "apiserver" : "dns", provider: "kubernetes" };
  if (client.get<Service>(resources.services, namespace, name) === null) {
    await client.create(resources.services, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace, labels },
      spec: {
        type: "ClusterIP",
        clusterIP: ip,
        clusterIPs: [ip],
        ports: ports.map(({ target, ...port }) => ({ ...port, targetPort: target })),
      },
    });
  }
  await ignoreExisting(
    client.create(resources.endpointSlices, {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name, namespace, labels: { "kubernetes.io/service-name": name } },
      addressType: "IPv4",
      endpoints: [{ addresses: [nodeIp], conditions: { ready: true, serving: true, terminating: false } }],
      ports: ports.map(({ name: port, protocol, target }) => ({ name: port, protocol, port: target })),
    }),
  );
}

export async function startClusterServices(context: ControllerContext): Promise<void> {
  const { client } = context;
  for (const service of [apiService, dnsService]) {
    const { namespace, name, ports } = service;
    await ensureClusterService(client, service);
    await ignoreExisting(
      client.create(resources.endpoints, {
        apiVersion: "v1",
        kind: "Endpoints",
        metadata: { name, namespace },
        subsets: [
          {
            addresses: [{ ip: nodeIp }],
            ports: ports.map(({ name: port, protocol, target }) => ({ name: port, protocol, port: target })),
          },
        ],
      }),
    );
  }
}
