/** Our proxy beside the others: one in each namespace, each with a control plane on its loopback address. */
import { join } from "node:path";
import type { ControlPlaneSettings } from "./control-plane.ts";
import { hopOf, type Contender } from "./peers.ts";
import type { Pki } from "./pki.ts";
import { fromSources, repository, startControlPlane, startProxy, waitUntilReady, type Pod } from "./pod.ts";
import type { Feature, Protocol } from "./policies.ts";
import type { Kind, Ports } from "./ports.ts";
import { run, type Started } from "./process.ts";
import { appPort, client, echoPort, grpcPort, http2Port, server } from "./world.ts";

export interface LinkerdOptions {
  /** The compiled executable, which is what users and pods run; null: the sources. */
  readonly executable: string | null;
  /** Writes a CPU profile into that folder when the proxy ends; needs the sources. Null: none. */
  readonly profile: string | null;
  /** How it is called beside others. Default: linkerd. */
  readonly name?: string;
  /** What its control plane tells it. Default: none. */
  readonly features?: readonly Feature[];
  /** More settings of the proxy, without LINKERD2_PROXY_. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Compiles the executable into `folder`; its path. */
export async function compileLinkerd(folder: string): Promise<string> {
  const out = join(folder, "linkerd");
  await run([process.execPath, join(repository, "scripts/executable.ts"), "--out", out]);
  return out;
}

export function linkerd(
  folder: string,
  pki: Pki,
  options: LinkerdOptions = { executable: null, profile: null },
): Contender {
  const { executable, profile, env = {}, features = [] } = options;
  return {
    name: options.name ?? "linkerd",
    async start(kind, ports) {
      const pod = (side: "out" | "in"): Pod => {
        const { namespace, ip } = side === "out" ? client : server;
        const identity = side === "out" ? pki.client.name : pki.server.name;
        return { name: `${ports.control}-${side}`, namespace, folder, ports, pki, identity, ips: [ip], env };
      };
      const pods = kind === "hop" ? [pod("out")] : [pod("out"), pod("in")];
      const started: Started[] = [];
      const helpers: Started[] = [];
      for (const [index, each] of pods.entries()) {
        helpers.push(await startControlPlane(each, services(kind, pki, ports, features)));
        const name = `${kind}-${index === 0 ? "out" : "in"}`;
        const sources = fromSources(profile === null ? null : { folder: profile, name });
        started.push(startProxy(each, executable === null ? sources : [executable]));
      }
      for (const [index, each] of pods.entries()) await waitUntilReady(each, started[index]!);
      const hop = await hopOf(started[0]!, started[1] ?? null, ports);
      return {
        ...hop,
        async stop() {
          await hop.stop();
          for (const helper of helpers) await helper.stop();
        },
      };
    },
  };
}

function services(kind: Kind, pki: Pki, ports: Ports, features: readonly Feature[]): ControlPlaneSettings["services"] {
  // A meshed endpoint takes connections on its proxy's port with a transport header, as destination controllers say by default.
  const meshed = kind === "hop" ? {} : { identity: pki.server.name, transportPort: ports.inbound };
  const labels = {
    namespace: "bench",
    service: "app",
    deployment: "app",
    serviceaccount: "server",
    pod: "app-57c8f8d9b6-x2x7k",
    pod_template_hash: "57c8f8d9b6",
    control_plane_ns: "linkerd",
    zone: "",
    zone_locality: "unknown",
  };
  const service = (port: number, name: string, protocol: Protocol): ControlPlaneSettings["services"][number] => ({
    ip: server.ip,
    port,
    name: `${name}.bench.svc.cluster.local`,
    protocol,
    endpoint: { ip: server.ip, port, labels, ...meshed },
    features,
    client: pki.client.name,
  });
  return [
    service(appPort, "app", "detect"),
    service(echoPort, "echo", "opaque"),
    service(http2Port, "app", "detect"),
    service(grpcPort, "app", "detect"),
  ];
}
