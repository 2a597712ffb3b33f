/** `linkerd diagnostics proxy-metrics | controller-metrics`: Prometheus text as the programs serve it. */
import { MeshError } from "#lib/errors.ts";
import { explain } from "../explain.ts";
import type { KubeClient } from "#kube/client.ts";
import { resources } from "#kube/resource.ts";
import type { Pod } from "#kube/types/core.ts";
import { parseDuration } from "#lib/duration.ts";
import { withPodHttp } from "../pod-http.ts";
import { containerPort, podsOf } from "../pods-of.ts";
import { cluster, namespaceOr } from "../cluster.ts";
import { type Register } from "../shell.ts";

interface ProxyOptions {
  readonly namespace?: string;
  readonly obfuscate?: boolean;
}

export const register: Register = (parent, shell) => {
  parent
    .command("proxy-metrics")
    .description("Print the metrics of proxies")
    .argument("<resource>", "a pod or workload, e.g. deploy/web")
    .option("-n, --namespace <namespace>", "namespace of the resource")
    .option("--obfuscate", "replace names by digests, to share the output")
    .addHelpText("after", "\nExamples:\n  linkerd diagnostics proxy-metrics -n emojivoto deploy/web")
    .action(
      shell.action<ProxyOptions>(async (context, args, options) => {
        const client = cluster(context);
        const namespace = namespaceOr(client, options.namespace);
        const pods = await podsOf(client, args[0] ?? "", namespace);
        for (const [i, pod] of pods.entries()) {
          const port = containerPort(pod, "linkerd-proxy", "linkerd-admin", 4191);
          const text = await metricsOf(client, pod, port);
          context.terminal.out(`#\n# POD ${pod.metadata.name} (${i + 1} of ${pods.length})\n#\n`);
          context.terminal.out(options.obfuscate === true ? obfuscate(text) : text);
        }
      }),
    );

  parent
    .command("controller-metrics")
    .description("Print the metrics of the control plane")
    .option("-w, --wait <duration>", "how long to wait for all answers", "30s")
    .addHelpText("after", "\nExamples:\n  linkerd diagnostics controller-metrics | grep grpc_server")
    .action(
      shell.action<{ wait: string }>(async (context, _args, options) => {
        const wait = parseDuration(options.wait);
        if (wait === null)
          throw new MeshError(
            "invalid-argument",
            `Flag --wait has the value "${options.wait}"; use a duration such as 30s`,
          );
        const client = cluster(context);
        const namespace = context.globals.linkerdNamespace;
        const { items } = await client.list<Pod>(resources.pods, {
          namespace,
          labelSelector: "linkerd.io/control-plane-component",
        });
        const running = items.filter((pod) => pod.status?.phase === "Running");
        if (running.length === 0)
          throw new MeshError("not-found", `No pod of the control plane runs in namespace "${namespace}"`);
        const deadline = performance.now() + wait;
        for (const pod of running) {
          for (const { name, ports = [] } of pod.spec.containers) {
            for (const port of ports.filter((candidate) => (candidate.name ?? "").includes("admin"))) {
              context.terminal.out(`#\n# POD ${pod.metadata.name}\n# CONTAINER ${name}\n#\n`);
              if (performance.now() > deadline)
                throw new MeshError("timeout", `Not all of the control plane answered within ${options.wait}`);
              try {
                context.terminal.out(await metricsOf(client, pod, port.containerPort));
              } catch (error) {
                context.terminal.out(`# ERROR: ${explain(error)}\n`);
              }
            }
          }
        }
      }),
    );
};

async function metricsOf(client: KubeClient, pod: Pod, port: number): Promise<string> {
  const { namespace = "default", name } = pod.metadata;
  const answer = await withPodHttp(client, { namespace, pod: name, port }, (get) => get("/metrics"));
  if (answer.status === 200) return answer.body;
  throw new MeshError("unavailable", `Pod "${namespace}/${name}" answered /metrics with status ${answer.status}`);
}

/** Labels that name things of the user; their values become short digests, equal ones staying equal. */
const revealing =
  /\b(authority|client_id|server_id|target_addr|target_ip|dst_\w+|namespace|pod|hostname|parent_\w+|route_name|route_namespace|backend_name|backend_namespace|srv_name|authz_name)="([^"]*)"/g;

export function obfuscate(text: string): string {
  return text.replace(revealing, (_, label: string, value: string) => {
    if (value === "") return `${label}=""`;
    return `${label}="${new Bun.CryptoHasher("sha256").update(value).digest("hex").slice(0, 10)}"`;
  });
}
