/** `linkerd diagnostics endpoints`: who is behind an authority, as the destination service tells proxies. */
import { MeshError } from "#lib/errors.ts";
import { explain } from "../explain.ts";
import { socketAddr } from "#rpc/address.ts";
import { Destination, type WeightedAddr } from "#rpc/gen/destination_pb.ts";
import { destinationPort, firstMessage, withControlRpc } from "../control-rpc.ts";
import { ExitSignal } from "../exit-code.ts";
import { table } from "../output/table.ts";
import { cluster } from "../cluster.ts";
import { oneOf, type Register } from "../shell.ts";

interface Options {
  readonly output: string;
  readonly destinationPod?: string;
  readonly token?: string;
}

interface Endpoint {
  readonly namespace: string;
  readonly ip: string;
  readonly port: number;
  readonly pod: string;
  readonly service: string;
  readonly weight: number;
  readonly http2: boolean;
  readonly labels: Readonly<Record<string, string>>;
}

export const register: Register = (parent, shell) => {
  parent
    .command("endpoints")
    .alias("ep")
    .description("Print the endpoints of authorities")
    .argument("<authorities...>", "names with ports, e.g. web.emojivoto.svc.cluster.local:80")
    .option("-o, --output <format>", "table or json", "table")
    .option("--destination-pod <pod>", "pod of the destination component to ask (default: any)")
    .option("--token <token>", "context token, as a proxy would send it")
    .addHelpText("after", "\nExamples:\n  linkerd diagnostics endpoints web.emojivoto.svc.cluster.local:80")
    .action(
      shell.action<Options>(async (context, args, options) => {
        const output = oneOf("--output", options.output, ["table", "json"]);
        const target = {
          namespace: context.globals.linkerdNamespace,
          pod: options.destinationPod ?? null,
          port: destinationPort,
          address: context.globals.apiAddr,
        };
        const failures: string[] = [];
        const endpoints = await withControlRpc(
          () => cluster(context),
          target,
          async (rpc) => {
            const found: Endpoint[] = [];
            for (const authority of args) {
              try {
                const update = await firstMessage(rpc, Destination.method.get, {
                  scheme: "http:",
                  path: authority,
                  contextToken: options.token ?? "",
                });
                if (update.update.case === "add") {
                  const { addrs, metricLabels } = update.update.value;
                  found.push(...addrs.map((addr) => endpoint(addr, metricLabels)));
                } else if (update.update.case === "noEndpoints" && !update.update.value.exists) {
                  failures.push(`There is no service "${authority}"`);
                }
              } catch (error) {
                if (!(error instanceof MeshError)) throw error;
                failures.push(`Destination service refused "${authority}": ${explain(error)}`);
              }
            }
            return found;
          },
        );
        if (output === "json") context.terminal.out(`${JSON.stringify(endpoints, null, 2)}\n`);
        else if (endpoints.length > 0) context.terminal.out(endpointTable(endpoints));
        else if (failures.length === 0) context.terminal.err("No endpoints found\n");
        for (const failure of failures) context.terminal.err(`${failure}\n`);
        if (failures.length > 0) throw new ExitSignal(1);
      }),
    );
};

function endpoint(addr: WeightedAddr, setLabels: Readonly<Record<string, string>>): Endpoint {
  const labels = { ...setLabels, ...addr.metricLabels };
  const at = socketAddr(addr.addr);
  const namespace = labels["namespace"] ?? "";
  return {
    namespace,
    ip: at?.ip ?? "",
    port: at?.port ?? 0,
    pod: labels["pod"] ?? "",
    service: `${labels["service"] ?? ""}.${namespace}`,
    weight: addr.weight,
    http2: addr.protocolHint?.protocol.case === "h2",
    labels,
  };
}

function endpointTable(endpoints: readonly Endpoint[]): string {
  return table<Endpoint>(
    [
      { header: "NAMESPACE", value: (row) => row.namespace },
      { header: "IP", value: (row) => row.ip },
      { header: "PORT", value: (row) => String(row.port) },
      { header: "POD", value: (row) => row.pod },
      { header: "SERVICE", value: (row) => row.service },
    ],
    endpoints,
  );
}
