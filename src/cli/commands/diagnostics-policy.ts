/** `linkerd diagnostics policy | profile`: the messages that proxies get, as they are. */
import { toJson } from "#rpc/protobuf/json.ts";
import type { DescMessage, MessageShape } from "#rpc/protobuf/types.ts";
import { parseIp } from "#lib/net-addr.ts";
import { MeshError } from "#lib/errors.ts";
import type { KubeClient } from "#kube/client.ts";
import { resources } from "#kube/resource.ts";
import type { Service } from "#kube/types/core.ts";
import { isJsonObject, type Json, type JsonObject } from "#manifests/json.ts";
import { yamlOf } from "#manifests/yaml.ts";
import { tcpAddress } from "#rpc/address.ts";
import { Destination, DestinationProfileSchema } from "#rpc/gen/destination_pb.ts";
import { InboundServerPolicies, ServerSchema } from "#rpc/gen/inbound_pb.ts";
import { OutboundPolicies, OutboundPolicySchema } from "#rpc/gen/outbound_pb.ts";
import { parseResource } from "#viz/client/resource-kinds.ts";
import { destinationPort, firstMessage, policyPort, withControlRpc } from "../control-rpc.ts";
import { cluster, namespaceOr } from "../cluster.ts";
import { oneOf, type Register } from "../shell.ts";

interface Options {
  readonly namespace?: string;
  readonly output: string;
  readonly destinationPod?: string;
  readonly token: string;
}

const defaultToken = "default:diagnostics";

export const register: Register = (parent, shell) => {
  parent
    .command("policy")
    .description("Print the policy that proxies get for a pod's port or a Service's port")
    .argument("<resource>", "pod/NAME for inbound, svc/NAME for outbound policy")
    .argument("<port>")
    .option("-n, --namespace <namespace>", "namespace of the resource")
    .option("-o, --output <format>", "yaml or json", "yaml")
    .option("--destination-pod <pod>", "pod of the destination component to ask (default: any)")
    .option("--token <token>", "workload in whose name is asked", defaultToken)
    .addHelpText(
      "after",
      "\nExamples:\n  linkerd diagnostics policy -n emojivoto svc/voting 8080\n  linkerd diagnostics policy -n emojivoto pod/web-5d9c-x2x 8080",
    )
    .action(
      shell.action<Options>(async (context, args, options) => {
        const output = oneOf("--output", options.output, ["yaml", "json"]);
        const client = cluster(context);
        const namespace = namespaceOr(client, options.namespace);
        const port = portOf(args[1] ?? "");
        const { kind, name } = parseResource([args[0] ?? ""], namespace);
        if (name === null || (kind !== "pod" && kind !== "service")) {
          throw new MeshError("invalid-argument", `Name a pod or a Service, such as svc/web, not "${args[0] ?? ""}"`);
        }
        const target = {
          namespace: context.globals.linkerdNamespace,
          pod: options.destinationPod ?? null,
          port: policyPort,
          address: context.globals.apiAddr,
        };
        const answer = await withControlRpc(
          () => client,
          target,
          async (rpc) => {
            if (kind === "pod") {
              const workload = JSON.stringify({ ns: namespace, pod: name });
              return asJson(
                ServerSchema,
                await rpc.unary(InboundServerPolicies.method.getPort, { workload, port }, { timeout: 10_000 }),
              );
            }
            const ip = await clusterIp(client, namespace, name);
            const addr = tcpAddress({ ip, port });
            if (addr === null) throw new MeshError("invalid-argument", `"${ip}" is not an IP address`);
            return asJson(
              OutboundPolicySchema,
              await rpc.unary(
                OutboundPolicies.method.get,
                { sourceWorkload: options.token, target: { case: "addr", value: addr } },
                { timeout: 10_000 },
              ),
            );
          },
        );
        context.terminal.out(printed(answer, output));
      }),
    );

  parent
    .command("profile")
    .description("Print the profile that proxies get for an address")
    .argument("<address>", "IP:PORT or NAME:PORT")
    .option("--destination-pod <pod>", "pod of the destination component to ask (default: any)")
    .option("--token <token>", "context token, as a proxy would send it", "")
    .option("-o, --output <format>", "json or yaml", "json")
    .addHelpText(
      "after",
      "\nExamples:\n  linkerd diagnostics profile web.emojivoto.svc.cluster.local:80\n  linkerd diagnostics profile 10.96.0.17:80",
    )
    .action(
      shell.action<{ destinationPod?: string; token: string; output: string }>(async (context, args, options) => {
        const output = oneOf("--output", options.output, ["json", "yaml"]);
        const target = {
          namespace: context.globals.linkerdNamespace,
          pod: options.destinationPod ?? null,
          port: destinationPort,
          address: context.globals.apiAddr,
        };
        const profile = await withControlRpc(
          () => cluster(context),
          target,
          (rpc) =>
            firstMessage(rpc, Destination.method.getProfile, {
              scheme: "",
              path: args[0] ?? "",
              contextToken: options.token,
            }),
        );
        context.terminal.out(printed(asJson(DestinationProfileSchema, profile), output));
      }),
    );
};

function printed(answer: JsonObject, output: "json" | "yaml"): string {
  return output === "json" ? `${JSON.stringify(answer, null, 2)}\n` : yamlOf(answer);
}

function asJson<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): JsonObject {
  return withShortFloats(toJson(schema, message)) as JsonObject;
}

/** The proxy API's fractions are 32-bit numbers: 0.2, not 0.20000000298023224. */
export function withShortFloats(value: Json): Json {
  if (Array.isArray(value)) return value.map(withShortFloats);
  if (isJsonObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withShortFloats(member ?? null)]));
  }
  if (typeof value !== "number" || Number.isInteger(value)) return value;
  // Most fractions that people write have at most seven digits; a few need eight to be the same in 32 bits.
  const shorter = [7, 8].map((digits) => Number(value.toPrecision(digits)));
  return shorter.find((candidate) => Math.fround(candidate) === Math.fround(value)) ?? value;
}

function portOf(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65535) return port;
  throw new MeshError("invalid-argument", `"${text}" is not a port from 1 to 65535`);
}

async function clusterIp(client: KubeClient, namespace: string, name: string): Promise<string> {
  const service = await client.get<Service>(resources.services, name, namespace);
  const ip = service.spec.clusterIP ?? "";
  if (parseIp(ip) !== null) return ip;
  throw new MeshError(
    "invalid-argument",
    `Service "${namespace}/${name}" has no cluster IP ("${ip}"), so it has no policy of its own`,
  );
}
