/** The DaemonSet's arguments, as charts and `linkerd install-cni` render them, are understood by the programs. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { readConfig as readInstaller } from "./installer/config.ts";
import { readConfig as readRepair } from "./repair/config.ts";

interface Template {
  readonly kind: string;
  readonly spec?: {
    readonly template?: { readonly spec: { readonly containers: Array<{ name: string; args: string[] }> } };
  };
}

const golden = join(import.meta.dir, "../manifests/testdata/cni.default.golden.yaml");

function args(name: string): string[] {
  const documents = parseAllDocuments(readFileSync(golden, "utf8")).map(
    (document) => document.toJS() as Template | null,
  );
  const daemonSet = documents.find((object) => object?.kind === "DaemonSet");
  const container = daemonSet?.spec?.template?.spec.containers.find((one) => one.name === name);
  if (container === undefined) throw new Error(`no container ${name}`);
  // Behind "cni" and the role.
  return container.args.slice(2);
}

const more = ["--use-wait-flag", "--exclude-namespaces", "a,b", "--proxy-gid", "2103", "--ports-to-redirect", "80,443"];

test("The installer and the repair controller get the same rules", () => {
  const installer = readInstaller([...args("install-cni"), ...more], { LINKERD_CNI_NAMESPACE: "cni" });
  const repair = readRepair(args("repair-controller"), { LINKERD_CNI_NODE_NAME: "node1" });
  expect(installer).toMatchObject({
    binDir: "/host/opt/cni/bin",
    netDir: "/host/etc/cni/net.d",
    hostNetDir: "/etc/cni/net.d",
    adminPort: 9991,
    excludeNamespaces: ["a", "b"],
    rules: { inboundPort: 4143, outboundPort: 4140, proxyUid: 2102, proxyGid: 2103, ipv6: false },
  });
  expect(repair).toMatchObject({ netnsDir: "/host/run/netns", adminPort: 9990, nodeName: "node1" });
  expect(repair?.rules).toEqual({ ...installer!.rules, proxyGid: null, inboundOnlyPorts: [] });
});
