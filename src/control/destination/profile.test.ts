import { describe, expect, test } from "bun:test";
import { endpointFor, namespace, pod, service, slice } from "../testing/builders.ts";
import { TestCluster } from "../testing/test-cluster.ts";
import { parseAuthority } from "./authority.ts";
import { type Profile, watchProfile } from "./profile.ts";

const podA = pod({ name: "a", ip: "10.0.0.1", serviceAccount: "api" });

function profile(cluster: TestCluster, path: string): Profile {
  return watchProfile(cluster.index, cluster.settings, parseAuthority(path, "cluster.local")).value.get();
}
const base = (): TestCluster =>
  new TestCluster()
    .services(service({ name: "api", ip: "10.96.0.1" }))
    .pods(podA)
    .slices(slice({ service: "api", endpoints: [endpointFor(podA, { hostname: "a-0" })] }));

describe("watchProfile", () => {
  test("a Service's address leads to its name", () => {
    expect(profile(base(), "10.96.0.1:80")).toEqual({
      name: "api.web.svc.cluster.local",
      opaque: false,
      endpoint: null,
      service: { namespace: "web", name: "api", port: 80 },
    });
  });

  test("a name gives the same as its address", () => {
    expect(profile(base(), "api.web.svc.cluster.local:80")).toEqual(profile(base(), "10.96.0.1:80"));
  });

  test("a pod's address is an endpoint without a name", () => {
    const found = profile(base(), "10.0.0.1:8080");
    expect(found).toMatchObject({ name: "", service: null, endpoint: { pod: { name: "a" }, port: 8080 } });
    expect(found.endpoint?.identity).toBe("api.web.serviceaccount.identity.linkerd.cluster.local");
  });

  test("one instance of a StatefulSet has a name and an endpoint", () => {
    expect(profile(base(), "a-0.api.web.svc.cluster.local:80")).toMatchObject({
      name: "a-0.api.web.svc.cluster.local",
      endpoint: { ip: "10.0.0.1", port: 8080 },
    });
  });

  test("an unknown address has no name and no endpoint, and is opaque by the default list", () => {
    expect(profile(base(), "192.0.2.1:80")).toEqual({ name: "", opaque: false, endpoint: null, service: null });
    expect(profile(base(), "192.0.2.1:3306").opaque).toBe(true);
  });

  test("opaque by the Service's annotation, else the namespace's", () => {
    const key = "config.linkerd.io/opaque-ports";
    const cluster = base().namespaces(namespace("web", { [key]: "80" }));
    expect(profile(cluster, "10.96.0.1:80").opaque).toBe(true);
    cluster.services(service({ name: "api", ip: "10.96.0.1", annotations: { [key]: "81" } }));
    cluster.settle();
    expect(profile(cluster, "10.96.0.1:80").opaque).toBe(false);
    expect(profile(cluster, "10.96.0.1:81").opaque).toBe(true);
  });

  test("follows an address from one pod to the next, and to nobody", () => {
    const cluster = base();
    const { value } = watchProfile(cluster.index, cluster.settings, parseAuthority("10.0.0.1:8080", "cluster.local"));
    const seen: Array<string | null> = [];
    value.watch(({ endpoint }) => seen.push(endpoint?.pod?.name ?? null));
    cluster.pods(pod({ name: "a", ip: "10.0.0.1", phase: "Succeeded" }));
    cluster.settle();
    cluster.pods(pod({ name: "b", ip: "10.0.0.1" }));
    cluster.settle();
    cluster.index.pods.delete("web", "b");
    cluster.settle();
    expect(seen).toEqual([null, "b", null]);
  });
});
