/** `linkerd identity`: the certificate that each pod's proxy shows. */
import { connect } from "node:tls";
import { MeshError } from "#lib/errors.ts";
import { parseCertificate, type Certificate } from "#lib/x509/certificate.ts";
import type { KubeClient } from "#kube/client.ts";
import { listenForward } from "#kube/port-forward.ts";
import { resources } from "#kube/resource.ts";
import type { Pod } from "#kube/types/core.ts";
import { certificateText } from "../output/certificate-text.ts";
import { containerPort, podsOf } from "../pods-of.ts";
import { cluster, namespaceOr } from "../cluster.ts";
import { type Register } from "../shell.ts";

interface Options {
  readonly namespace?: string;
  readonly selector?: string;
}

const timeoutMs = 10_000;

export const register: Register = (parent, shell) => {
  parent
    .command("identity")
    .description("Print the certificates of proxies")
    .argument("[pods...]", "pods, or resources such as deploy/web")
    .option("-n, --namespace <namespace>", "namespace of the pods")
    .option("-l, --selector <selector>", "pods with these labels")
    .addHelpText(
      "after",
      "\nExamples:\n  linkerd identity -n emojivoto deploy/web\n  linkerd identity -n linkerd -l linkerd.io/control-plane-component=identity",
    )
    .action(
      shell.action<Options>(async (context, args, options) => {
        const client = cluster(context);
        const namespace = namespaceOr(client, options.namespace);
        const pods = await selected(client, namespace, args, options.selector);
        for (const [i, pod] of pods.entries()) {
          context.terminal.out(`\nPOD ${pod.metadata.name} (${i + 1} of ${pods.length})\n\n`);
          context.terminal.out(certificateText(await proxyCertificate(client, pod)));
        }
      }),
    );
};

async function selected(
  client: KubeClient,
  namespace: string,
  names: readonly string[],
  selector: string | undefined,
): Promise<Pod[]> {
  if (names.length === 0 && selector === undefined) {
    throw new MeshError("invalid-argument", "Name at least one pod, or pass --selector");
  }
  if (names.length > 0 && selector !== undefined)
    throw new MeshError("invalid-argument", "Use either names or --selector, not both");
  if (selector !== undefined) {
    const { items } = await client.list<Pod>(resources.pods, { namespace, labelSelector: selector });
    if (items.length === 0)
      throw new MeshError("not-found", `No pod in namespace "${namespace}" has the labels "${selector}"`);
    return items;
  }
  const found: Pod[] = [];
  for (const name of names) found.push(...(await podsOf(client, name, namespace)));
  return found;
}

/** Connects to the admin port with TLS; only the server's certificate is of interest, so nothing is verified. */
async function proxyCertificate(client: KubeClient, pod: Pod): Promise<Certificate> {
  const { name, namespace = "default", annotations = {} } = pod.metadata;
  const isMeshed = annotations["linkerd.io/proxy-version"] !== undefined;
  const port = containerPort(pod, "linkerd-proxy", "linkerd-admin", 4191);
  let cause: MeshError | null = null;
  const forward = listenForward(client, { namespace, pod: name, port }, { onError: (error) => (cause = error) });
  try {
    return await new Promise<Certificate>((resolve, reject) => {
      const fail = (error: unknown): void => {
        const hint = isMeshed ? "" : "; the pod is not meshed";
        reject(
          new MeshError(
            "unavailable",
            `Could not get the certificate of pod "${namespace}/${name}" at port ${port}${hint}`,
            { cause: cause ?? error },
          ),
        );
      };
      const socket = connect({
        host: "127.0.0.1",
        port: forward.port,
        servername: identityOf(pod),
        rejectUnauthorized: false,
      });
      socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no handshake within ${timeoutMs / 1000} s`)));
      socket.on("error", fail);
      socket.on("close", () => fail(new Error("the proxy closed the connection")));
      socket.on("secureConnect", () => {
        const raw = socket.getPeerCertificate(false).raw;
        if (raw === undefined) fail(new Error("the proxy showed no certificate"));
        else resolve(parseCertificate(raw));
        socket.destroy();
      });
    });
  } finally {
    forward.close();
  }
}

/** The name that the pod's proxy has in its own settings; its $(…) parts come from the pod. */
function identityOf(pod: Pod): string {
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const env = all.find(({ name }) => name === "linkerd-proxy")?.env ?? [];
  const known = new Map(env.map(({ name, value }) => [name, value ?? ""]));
  known.set("_pod_ns", pod.metadata.namespace ?? "default");
  known.set("_pod_sa", pod.spec.serviceAccountName ?? "default");
  const template =
    known.get("LINKERD2_PROXY_IDENTITY_LOCAL_NAME") ?? known.get("LINKERD2_PROXY_IDENTITY_SVC_NAME") ?? "";
  return template.replace(/\$\((\w+)\)/g, (_, name: string) => known.get(name) ?? "");
}
