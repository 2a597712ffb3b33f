/** `linkerd version`: of this executable, of the control plane, and of the proxies with --proxy. */
import { MeshError } from "#lib/errors.ts";
import { version as clientVersion } from "#lib/version.ts";
import { resources } from "#kube/resource.ts";
import type { Pod } from "#kube/types/core.ts";
import { controlPlaneVersion } from "../control-plane.ts";
import { cluster, type Register } from "../shell.ts";

interface Options {
  readonly short?: boolean;
  readonly client?: boolean;
  readonly proxy?: boolean;
  readonly namespace?: string;
}

export const register: Register = (parent, shell) => {
  parent
    .command("version")
    .description("Print the client and server version")
    .option("--short", "print the version number(s) only")
    .option("--client", "print the client version only")
    .option("--proxy", "print the versions of the proxies and how many run each")
    .option("-n, --namespace <namespace>", "namespace of the proxies for --proxy (default: all)")
    .action(
      shell.action<Options>(async (context, _args, options) => {
        const { out } = context.terminal;
        const print = (label: string, value: string): void =>
          out(options.short === true ? `${value}\n` : `${label} version: ${value}\n`);
        print("Client", clientVersion);
        if (options.client === true) return;
        let server: string;
        try {
          server = await controlPlaneVersion(cluster(context), context.globals.linkerdNamespace);
        } catch (error) {
          // Without a cluster the client's version is still worth having.
          if (!(error instanceof MeshError)) throw error;
          if (context.globals.verbose) context.terminal.err(`${error.message}\n`);
          server = "unavailable";
        }
        print("Server", server);
        if (options.proxy !== true) return;
        const { items } = await cluster(context).list<Pod>(resources.pods, {
          labelSelector: "linkerd.io/control-plane-ns",
          ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
        });
        const counts = new Map<string, number>();
        for (const pod of items) {
          const proxy = pod.metadata.annotations?.["linkerd.io/proxy-version"] ?? "unknown";
          counts.set(proxy, (counts.get(proxy) ?? 0) + 1);
        }
        if (counts.size === 0) out("Proxy versions: unavailable, no pod is meshed\n");
        else if (options.short === true) out([...counts.keys()].map((name) => `${name}\n`).join(""));
        else out(`Proxy versions:\n${[...counts].map(([name, count]) => `\t${name} (${count} pods)\n`).join("")}`);
      }),
    );
};
