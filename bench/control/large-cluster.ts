/** Objects of a large cluster: Services in 50 namespaces, each with two meshed pods, and HTTPRoutes for the first of them. */
import { endpointFor, pod, replicaSet, service, slice } from "#control/testing/builders.ts";
import { policyObject } from "#control/testing/policy-objects.ts";
import type { FakeApi } from "#kube/testing/fake-api.ts";
import { resources } from "#kube/resource.ts";
import type { Pod } from "#kube/types/core.ts";

export interface LargeCluster {
  readonly endpoints: number;
  name(index: number): string;
  namespace(index: number): string;
  /** One of the Service's two endpoints comes or goes. */
  changeEndpoints(this: void, index: number): void;
  /** The weights of the Service's route change; it gets one if it had none. */
  changeRoute(this: void, index: number): void;
}

const namespaces = 50;
const podsEach = 2;

/** What an injected pod carries besides what is read: its text is as long as that of a real one, 9 KB. */
const filling = Array.from({ length: 60 }, (_, at) => ({
  name: `LINKERD2_PROXY_SETTING_NUMBER_${at}`,
  value: `a value of ordinary length, such as addresses and timeouts have: ${at}`,
}));

export function fillCluster(
  api: FakeApi,
  { services, routes }: { readonly services: number; readonly routes: number },
): LargeCluster {
  const name = (index: number): string => `service-${index}`;
  const namespace = (index: number): string => `ns-${index % namespaces}`;
  const ip = (index: number, at: number): string =>
    `10.${64 + Math.floor(index / 16_384) + at * 32}.${Math.floor(index / 64) % 256}.${(index % 64) + 1}`;
  const podsOf = (index: number): Pod[] =>
    Array.from({ length: podsEach }, (_, at) =>
      pod({
        namespace: namespace(index),
        name: `${name(index)}-${at}`,
        ip: ip(index, at),
        replicaSet: `${name(index)}-rs`,
        node: `node-${index % 100}`,
        labels: { app: name(index), "pod-template-hash": "abcdef" },
        containers: [{ name: "app", ports: [{ name: "http", containerPort: 8080 }], env: filling }],
      }),
    );
  const route = (index: number, weight: number) =>
    policyObject(
      "HTTPRoute",
      `route-${index}`,
      JSON.stringify({
        parentRefs: [{ group: "core", kind: "Service", name: name(index), port: 80 }],
        rules: [
          {
            matches: [
              { path: { type: "PathPrefix", value: "/api" } },
              { headers: [{ name: "x-version", value: "2" }] },
            ],
            backendRefs: [
              { name: name(index), port: 80, weight: 1000 },
              { name: name((index + namespaces) % services), port: 80, weight },
            ],
          },
          { backendRefs: [{ name: name(index), port: 80 }] },
        ],
      }),
      { namespace: namespace(index) },
    );
  for (let at = 0; at < namespaces; at++) api.put(resources.namespaces, { metadata: { name: `ns-${at}` } });
  for (let index = 0; index < services; index++) {
    const pods = podsOf(index);
    for (const object of pods) api.put(resources.pods, object);
    api.put(resources.replicaSets, replicaSet(`${name(index)}-rs`, name(index), namespace(index)));
    const clusterIp = `10.${96 + Math.floor(index / 65_536)}.${Math.floor(index / 256) % 256}.${index % 256}`;
    api.put(resources.services, service({ namespace: namespace(index), name: name(index), ip: clusterIp }));
    const endpoints = pods.map((object) => endpointFor(object));
    api.put(resources.endpointSlices, slice({ namespace: namespace(index), service: name(index), endpoints }));
    if (index < routes) api.put(resources.httpRoutes, route(index, 10));
  }
  api.compact();
  const reduced = new Set<number>();
  let weight = 10;
  return {
    endpoints: services * podsEach,
    name,
    namespace,
    changeEndpoints(index) {
      const all = podsOf(index).map((object) => endpointFor(object));
      if (!reduced.delete(index)) reduced.add(index);
      const endpoints = reduced.has(index) ? all.slice(0, 1) : all;
      api.put(resources.endpointSlices, slice({ namespace: namespace(index), service: name(index), endpoints }));
    },
    changeRoute(index) {
      api.put(resources.httpRoutes, route(index, ++weight));
    },
  };
}
