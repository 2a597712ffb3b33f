/** `linkerd explain`: which policy, route, rule, backend and authorization decide about a request, and why others don't. */
import { memoryLog } from "#lib/log.ts";
import { MeshError } from "#lib/errors.ts";
import type { Json } from "#manifests/json.ts";
import { yamlOf } from "#manifests/yaml.ts";
import { cluster, namespaceOr } from "../cluster.ts";
import { ExitSignal } from "../exit-code.ts";
import { exitCodeOf, explanationText } from "../explanation.ts";
import { podsOf } from "../pods-of.ts";
import { oneOf, type Register } from "../shell.ts";

interface Options {
  readonly from: string;
  readonly to: string;
  readonly namespace?: string;
  readonly path: string;
  readonly method: string;
  readonly header: readonly string[];
  readonly host?: string;
  readonly output: string;
}

const examples = `
Exit codes: 0 the request gets through, 2 it does not or not at every endpoint, 1 it could not be explained.

Examples:
  linkerd explain -n emojivoto --from deploy/web --to svc/voting:8080
  linkerd explain -n emojivoto --from deploy/web --to svc/voting:8080 --method POST --path /api/vote -H x-canary:1
  linkerd explain -n shop --from pod/web-5d9c-x2x --to svc/db.storage:5432
  linkerd explain -n shop --from deploy/web --to 192.0.2.10:443
  linkerd explain -n shop --from deploy/web --to svc/api:80 -o json | jq .verdict`;

export const register: Register = (parent, shell) => {
  parent
    .command("explain")
    .description("Explain what becomes of a request: which policy, route and authorization decide, and why not others")
    .requiredOption("--from <resource>", "the client, e.g. deploy/web")
    .requiredOption("--to <target>", "svc/NAME[.NAMESPACE]:PORT, HOST:PORT or IP:PORT")
    .option("-n, --namespace <namespace>", "namespace of the client, and of a Service named without one")
    .option("--path <path>", "path of the request, with its query", "/")
    .option("--method <method>", "method of the request", "GET")
    .option("-H, --header <name:value>", "header of the request, repeatable", collect, [])
    .option("--host <host>", "Host of the request (default: the target's)")
    .option("-o, --output <format>", "table, json or yaml", "table")
    .addHelpText("after", examples)
    .action(
      shell.action<Options>(async (context, _args, options) => {
        const output = oneOf("--output", options.output, ["table", "json", "yaml"]);
        const client = cluster(context);
        const namespace = namespaceOr(client, options.namespace);
        const target = parseTarget(options.to, namespace);
        const [pod] = await podsOf(client, options.from, namespace);
        if (pod === undefined) throw new MeshError("not-found", `No pod belongs to "${options.from}"`);
        const { readWorld } = await import("#control/explain/world.ts");
        const { explainRequest } = await import("../explain-request.ts");
        const explanation = await explainRequest(
          await readWorld(client, context.globals.linkerdNamespace, memoryLog("error").log),
          {
            from: options.from,
            namespace,
            pod: pod.metadata.name,
            target,
            method: options.method,
            path: options.path,
            host: options.host ?? null,
            headers: options.header.map(parseHeader),
          },
        );
        if (output === "table") context.terminal.out(explanationText(explanation, context.terminal.colour));
        else {
          const json = explanation as unknown as { [name: string]: Json };
          context.terminal.out(output === "json" ? `${JSON.stringify(json, null, 2)}\n` : yamlOf(json));
        }
        if (exitCodeOf(explanation) !== 0) throw new ExitSignal(exitCodeOf(explanation));
      }),
    );
};

function collect(value: string, all: readonly string[]): readonly string[] {
  return [...all, value];
}

function parseHeader(text: string): readonly [string, string] {
  const [, name = "", value = ""] = /^([^:\s]+):\s*(.*)$/.exec(text) ?? [];
  if (name === "") throw new MeshError("invalid-argument", `"${text}" is not a header; write NAME:VALUE`);
  return [name.toLowerCase(), value];
}

/** A Service of some namespace, or an address. */
export type ExplainTarget =
  | { readonly kind: "service"; readonly namespace: string; readonly name: string; readonly port: number }
  | { readonly kind: "address"; readonly host: string; readonly port: number };

export function parseTarget(text: string, namespace: string): ExplainTarget {
  const [, service, name = "", port = ""] = /^(svc\/|service\/|services\/)?(.+):(\d{1,5})$/.exec(text) ?? [];
  const number = Number(port);
  if (name === "" || number < 1 || number > 65535) {
    throw new MeshError("invalid-argument", `"${text}" is no target; write svc/NAME:PORT, HOST:PORT or IP:PORT`);
  }
  if (service === undefined) return { kind: "address", host: name.replace(/^\[|\]$/g, ""), port: number };
  const [own = "", of = namespace, ...rest] = name.split(".");
  if (rest.length > 0 || own === "" || of === "") {
    throw new MeshError("invalid-argument", `"${text}" is no target; write svc/NAME.NAMESPACE:PORT`);
  }
  return { kind: "service", namespace: of, name: own, port: number };
}
