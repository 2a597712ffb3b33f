/** `linkerd profile`: a ServiceProfile from a template, an OpenAPI document or a protobuf definition. */
import { MeshError } from "#lib/errors.ts";
import { type JsonObject } from "#manifests/json.ts";
import { parseYaml, yamlOf } from "#manifests/yaml.ts";
import { cluster, namespaceOr } from "../cluster.ts";
import { installedValues } from "../control-plane.ts";
import type { Context } from "../globals.ts";
import { openApiRoutes } from "../profile/open-api.ts";
import { type ProfileTarget, serviceProfile } from "../profile/profile.ts";
import { protoRoutes } from "../profile/proto.ts";
import { profileTemplate } from "../profile/template.ts";
import { oneOf, type Register } from "../shell.ts";
import { readText } from "../values-layers.ts";

interface Options {
  readonly template?: boolean;
  readonly openApi?: string;
  readonly proto?: string;
  readonly namespace?: string;
  readonly ignoreCluster?: boolean;
  readonly output: string;
}

export const register: Register = (parent, shell) => {
  parent
    .command("profile")
    .description("Print a ServiceProfile: routes of a Service for metrics, retries and timeouts")
    .argument("<service>", "name of the Service")
    .option("--template", "a profile with comments to start from")
    .option("--open-api <file>", "routes of an OpenAPI document, YAML or JSON, or - for standard input")
    .option("--proto <file>", "routes of a protobuf definition, or - for standard input")
    .option("-n, --namespace <namespace>", "namespace of the Service")
    .option("--ignore-cluster", "don't read the cluster's domain from the installation")
    .option("-o, --output <format>", "yaml or json", "yaml")
    .addHelpText(
      "after",
      `
Examples:
  linkerd profile -n emojivoto --template web-svc
  linkerd profile -n emojivoto --open-api web-svc.yaml web-svc | kubectl apply -f -
  linkerd profile -n emojivoto --proto Voting.proto voting-svc`,
    )
    .action(
      shell.action<Options>(async (context, args, options) => {
        const output = oneOf("--output", options.output, ["yaml", "json"]);
        const { template, openApi, proto } = options;
        if ([template, openApi, proto].filter((given) => given !== undefined).length !== 1) {
          throw new MeshError(
            "invalid-argument",
            "You must specify exactly one of --template or --open-api or --proto",
          );
        }
        const target = await targetOf(context, args[0] ?? "", options);
        if (template === true && output === "yaml") {
          context.terminal.out(profileTemplate(target));
          return;
        }
        let profile: JsonObject | undefined;
        if (openApi !== undefined) {
          const [document = {}] = parseYaml(await textOf(context, openApi), openApi);
          profile = serviceProfile(target, openApiRoutes(document, openApi));
        } else if (proto !== undefined) {
          profile = serviceProfile(target, protoRoutes(await textOf(context, proto), proto));
        } else {
          [profile] = parseYaml(profileTemplate(target), "the template");
        }
        const text = output === "yaml" ? yamlOf(profile ?? {}) : `${JSON.stringify(profile, null, 2)}\n`;
        context.terminal.out(text);
      }),
    );
};

async function textOf(context: Context, path: string): Promise<string> {
  return path === "-" ? await context.terminal.stdin() : readText(path);
}

async function targetOf(context: Context, service: string, options: Options): Promise<ProfileTarget> {
  // The API server's own rules for names, RFC 1035 for Services and RFC 1123 for namespaces.
  if (!/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(service)) {
    throw new MeshError(
      "invalid-argument",
      `"${service}" is no name of a Service: use lower-case letters, digits and dashes, beginning with a letter`,
    );
  }
  if (options.ignoreCluster === true) return target(service, options.namespace ?? "default", "cluster.local");
  const client = cluster(context);
  const namespace = namespaceOr(client, options.namespace);
  const values = await installedValues(client, context.globals.linkerdNamespace);
  if (values === null) {
    throw new MeshError(
      "not-found",
      `There is no control plane in namespace "${context.globals.linkerdNamespace}" that knows the cluster's domain; pass --ignore-cluster for cluster.local`,
    );
  }
  const domain = values["clusterDomain"];
  return target(service, namespace, typeof domain === "string" && domain !== "" ? domain : "cluster.local");
}

function target(service: string, namespace: string, clusterDomain: string): ProfileTarget {
  if (/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace)) return { service, namespace, clusterDomain };
  throw new MeshError(
    "invalid-argument",
    `"${namespace}" is no name of a namespace: use lower-case letters, digits and dashes`,
  );
}
