/** EndpointSlices and Endpoints of Services with a selector. */
import { resources } from "../api/resource-ref.ts";
import { nodeName } from "../node/node.ts";
import type { Endpoint, EndpointSlice, Pod, Service, ServicePort } from "../types.ts";
import { createQueue, ignoreExisting, ignoreMissing, watchKeys, type ControllerContext } from "./context.ts";
import type { KubeObject, NewObject } from "../store/object.ts";
import { keyOf, splitKey } from "./work-queue.ts";
import { controllerReference, isReady, ownedBy, shortHash } from "./workload.ts";

/** Endpoints of one slice at most, as with Kubernetes. */
const sliceSize = 100;
const manager = "endpointslice-controller.k8s.io";

interface SlicePort {
  name: string;
  port?: number;
  protocol: string;
  appProtocol?: string;
}

/** The pod's port for a Service port, or null when it has none of that name. */
export function targetPort(pod: Pod, port: ServicePort): number | null {
  const target = port.targetPort ?? port.port;
  if (typeof target === "number") return target === 0 ? port.port : target;
  if (/^\d+$/.test(target)) return Number(target);
  const containers = [
    ...pod.spec.containers,
    ...(pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always"),
  ];
  for (const { ports = [] } of containers) {
    const found = ports.find(({ name, protocol = "TCP" }) => name === target && protocol === (port.protocol ?? "TCP"));
    if (found !== undefined) return found.containerPort;
  }
  return null;
}

function endpointOf(pod: Pod, service: Service): Endpoint {
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const serving = isReady(pod);
  const { name, namespace = "", uid } = pod.metadata;
  const { hostname, subdomain } = pod.spec;
  return {
    addresses: [pod.status?.podIP ?? ""],
    conditions: {
      ready: service.spec.publishNotReadyAddresses === true || (serving && !terminating),
      serving,
      terminating,
    },
    ...(hostname !== undefined && subdomain === service.metadata.name ? { hostname } : {}),
    nodeName: pod.spec.nodeName ?? nodeName,
    zone: "local",
    targetRef: { kind: "Pod", namespace, name, uid },
  };
}

export interface WantedSlice {
  readonly name: string;
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly Endpoint[];
}

/** The slices that a Service should have. Pods with other ports (by name) go into slices of their own. Pure. */
export function wantedSlices(service: Service, pods: readonly Pod[]): WantedSlice[] {
  const groups = new Map<string, { ports: SlicePort[]; endpoints: Endpoint[] }>();
  const usable = pods.filter(
    ({ status }) => (status?.podIP ?? "") !== "" && status?.phase !== "Succeeded" && status?.phase !== "Failed",
  );
  for (const pod of usable.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))) {
    const ports: SlicePort[] = [];
    for (const port of service.spec.ports ?? []) {
      const target = targetPort(pod, port);
      if (target === null) continue;
      ports.push({
        name: port.name ?? "",
        port: target,
        protocol: port.protocol ?? "TCP",
        ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
      });
    }
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, endpoints: [] };
    group.endpoints.push(endpointOf(pod, service));
    groups.set(key, group);
  }
  // A Service without pods has one empty slice, so that "no endpoints" can be watched.
  if (groups.size === 0) groups.set("", { ports: [], endpoints: [] });
  const slices: WantedSlice[] = [];
  for (const [key, { ports, endpoints }] of groups) {
    for (let at = 0; at === 0 || at < endpoints.length; at += sliceSize) {
      const name = `${service.metadata.name}-${shortHash([key, at], 5)}`;
      slices.push({ name, ports, endpoints: endpoints.slice(at, at + sliceSize) });
    }
  }
  return slices;
}

interface EndpointsObject extends KubeObject {
  subsets?: unknown;
}

/** The older form of the same, in one object. Pure. */
export function endpointSubsets(slices: readonly WantedSlice[]): unknown[] {
  return slices.flatMap(({ ports, endpoints }) => {
    const address = (endpoint: Endpoint): unknown => ({
      ip: endpoint.addresses[0],
      ...(endpoint.hostname === undefined ? {} : { hostname: endpoint.hostname }),
      nodeName: endpoint.nodeName,
      targetRef: endpoint.targetRef,
    });
    const ready = endpoints.filter(({ conditions }) => conditions?.ready === true).map(address);
    const waiting = endpoints
      .filter(({ conditions }) => conditions?.ready !== true && conditions?.terminating !== true)
      .map(address);
    if (ready.length + waiting.length === 0) return [];
    return [
      {
        ...(ready.length === 0 ? {} : { addresses: ready }),
        ...(waiting.length === 0 ? {} : { notReadyAddresses: waiting }),
        ports: ports.map(({ name, ...rest }) => (name === "" ? rest : { name, ...rest })),
      },
    ];
  });
}

export function startEndpoints(context: ControllerContext): void {
  const { client } = context;

  const writeSlice = async (
    service: Service,
    wanted: WantedSlice,
    existing: EndpointSlice | undefined,
  ): Promise<void> => {
    const namespace = service.metadata.namespace ?? "";
    if (existing !== undefined) {
      if (
        Bun.deepEquals(existing.endpoints ?? [], wanted.endpoints) &&
        Bun.deepEquals(existing.ports ?? [], wanted.ports)
      )
        return;
      await ignoreMissing(
        client.patch(resources.endpointSlices, namespace, wanted.name, {
          endpoints: wanted.endpoints,
          ports: wanted.ports,
        }),
      );
      return;
    }
    const headless = service.spec.clusterIP === "None";
    const slice: NewObject = {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name: wanted.name,
        namespace,
        labels: {
          ...service.metadata.labels,
          "kubernetes.io/service-name": service.metadata.name,
          "endpointslice.kubernetes.io/managed-by": manager,
          ...(headless ? { "service.kubernetes.io/headless": "" } : {}),
        },
        ownerReferences: [controllerReference(service)],
      },
      addressType: "IPv4",
      endpoints: wanted.endpoints,
      ports: wanted.ports,
    };
    await ignoreExisting(client.create(resources.endpointSlices, slice));
  };

  const writeEndpoints = async (service: Service, subsets: unknown[]): Promise<void> => {
    const { name, namespace = "", labels } = service.metadata;
    const existing = client.get<EndpointsObject>(resources.endpoints, namespace, name);
    if (existing !== null) {
      if (!Bun.deepEquals(existing.subsets ?? [], subsets)) {
        await ignoreMissing(client.patch(resources.endpoints, namespace, name, { subsets }));
      }
      return;
    }
    await ignoreExisting(
      client.create(resources.endpoints, {
        apiVersion: "v1",
        kind: "Endpoints",
        metadata: { name, namespace, ...(labels === undefined ? {} : { labels: { ...labels } }) },
        subsets,
      }),
    );
  };

  const queue = createQueue(context, "endpoints", async (key) => {
    const { namespace, name } = splitKey(key);
    const service = client.get<Service>(resources.services, namespace, name);
    if (service === null) {
      // Slices go with their owner; Endpoints have none.
      if (client.get(resources.endpoints, namespace, name) !== null)
        await ignoreMissing(client.delete(resources.endpoints, namespace, name));
      return undefined;
    }
    const selector = service.spec.selector ?? {};
    if (
      Object.keys(selector).length === 0 ||
      service.spec.type === "ExternalName" ||
      service.metadata.deletionTimestamp !== undefined
    )
      return undefined;
    const pods = client
      .list<Pod>(resources.pods, { namespace })
      .filter(({ metadata }) => Object.entries(selector).every(([label, value]) => metadata.labels?.[label] === value));
    const wanted = wantedSlices(service, pods);
    const existing = client
      .list<EndpointSlice>(resources.endpointSlices, { namespace })
      .filter((slice) => ownedBy(slice, service));
    for (const slice of wanted)
      await writeSlice(
        service,
        slice,
        existing.find(({ metadata }) => metadata.name === slice.name),
      );
    for (const slice of existing) {
      if (wanted.some((entry) => entry.name === slice.metadata.name)) continue;
      await ignoreMissing(client.delete(resources.endpointSlices, namespace, slice.metadata.name));
    }
    await writeEndpoints(service, endpointSubsets(wanted));
    return undefined;
  });

  watchKeys(context, resources.services, queue, (service) => [keyOf(service)]);
  watchKeys<EndpointSlice>(context, resources.endpointSlices, queue, (slice) => {
    const service = slice.metadata.labels?.["kubernetes.io/service-name"];
    return service === undefined ? [] : [`${slice.metadata.namespace}/${service}`];
  });
  watchKeys<Pod>(context, resources.pods, queue, function* (pod) {
    for (const service of client.list<Service>(resources.services, { namespace: pod.metadata.namespace ?? "" })) {
      const selector = Object.entries(service.spec.selector ?? {});
      if (selector.length > 0 && selector.every(([label, value]) => pod.metadata.labels?.[label] === value))
        yield keyOf(service);
    }
  });
}
