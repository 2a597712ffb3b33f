/** Everything that is in a cluster, to compare before and after. */
import { eventually, ok, type TestCluster } from "./cluster.ts";

/** They come and go by themselves. */
const fleeting =
  /^(events|events\.events\.k8s\.io|leases\.coordination\.k8s\.io|componentstatuses|pods\.metrics.*|nodes\.metrics.*)$/;

/** "KIND NAMESPACE NAME" of every object, sorted; pods by the workload that made them, without what is random in their names. */
export async function allObjects(cluster: TestCluster): Promise<string[]> {
  const types = (await ok(cluster.kubectl(["api-resources", "--verbs=list", "-o", "name"])))
    .split("\n")
    .filter((type) => type !== "" && !fleeting.test(type));
  const columns = "K:.kind,NS:.metadata.namespace,N:.metadata.name,BY:.metadata.ownerReferences[0].kind";
  const out = await ok(
    cluster.kubectl([
      "get",
      types.join(","),
      "-A",
      "--no-headers",
      "--ignore-not-found",
      "-o",
      `custom-columns=${columns}`,
    ]),
  );
  return (
    out
      .split("\n")
      .map((line) => line.trim().split(/ +/))
      // Made by other objects: what is left of them is seen at their makers.
      .filter(([kind, , , maker]) => kind !== undefined && kind !== "" && (maker === "<none>" || maker === undefined))
      .map(([kind, namespace, name]) => `${kind} ${namespace} ${name}`)
      .toSorted()
  );
}

/** The objects of a cluster that has just started, once nothing is added any more: controllers make some of their own in each namespace. */
export async function settledObjects(cluster: TestCluster): Promise<string[]> {
  let last: string[] = [];
  let since = performance.now();
  return eventually("a cluster to which nothing is added", 60_000, async () => {
    const now = await allObjects(cluster);
    if (!Bun.deepEquals(now, last)) {
      last = now;
      since = performance.now();
    }
    return performance.now() - since >= 3000 ? now : null;
  });
}
