/** `linkerd profile` and `linkerd viz profile`: a ServiceProfile from a template, an OpenAPI document, a protobuf definition or live requests. */
import type { Command } from "commander";
import { parseDuration } from "#lib/duration.ts";
import { MeshError } from "#lib/errors.ts";
import { type JsonObject } from "#manifests/json.ts";
import { parseYaml, yamlOf } from "#manifests/yaml.ts";
import { cluster, namespaceOr } from "../cluster.ts";
import { installedValues } from "../control-plane.ts";
import type { Context } from "../globals.ts";
import { openApiRoutes } from "../profile/open-api.ts";
import { openTap } from "#viz/client/tap-client.ts";
import { type ProfileTarget, type Route, serviceProfile } from "../profile/profile.ts";
import { protoRoutes } from "../profile/proto.ts";
import { profileTemplate } from "../profile/template.ts";
import { tapRoutes } from "../profile/tap.ts";
import { oneOf, type Register, type Shell } from "../shell.ts";
import { explained, tapRequest } from "../tap/tap-options.ts";
import { readText } from "../values-layers.ts";

/** Requests a second that are listened to. */
const tapRate = 1000;
/** A profile with more would cost every proxy of the Service's clients. */
const mostRoutes = 1000;

interface Options {
  readonly template?: boolean;
  readonly openApi?: string;
  readonly proto?: string;
  readonly tap?: string;
  readonly tapDuration: string;
  readonly tapRouteLimit: string;
  readonly vizNamespace: string;
  readonly namespace?: string;
  readonly ignoreCluster?: boolean;
  readonly output: string;
}

export const register: Register = (parent, shell) => registerProfile(parent, shell);

export function registerProfile(parent: Command, shell: Shell): void {
  parent
    .command("profile")
    .description("Print a ServiceProfile: routes of a Service for metrics, retries and timeouts")
    .argument("<service>", "name of the Service")
    .option("--template", "a profile with comments to start from")
    .option("--open-api <file>", "routes of an OpenAPI document, YAML or JSON, or - for standard input")
    .option("--proto <file>", "routes of a protobuf definition, or - for standard input")
    .option("--tap <resource>", "routes of the requests that a resource gets now, e.g. deploy/web; needs viz")
    .option("--tap-duration <duration>", "how long to listen", "5s")
    .option("--tap-route-limit <number>", "routes to listen for at most", "20")
    .option("-n, --namespace <namespace>", "namespace of the Service and of --tap's resource")
    .option("--viz-namespace <namespace>", "namespace of the viz extension", "linkerd-viz")
    .option("--ignore-cluster", "don't read the cluster's domain from the installation")
    .option("-o, --output <format>", "yaml or json", "yaml")
    .addHelpText(
      "after",
      `
Examples:
  linkerd profile -n emojivoto --template web-svc
  linkerd profile -n emojivoto --open-api web-svc.yaml web-svc | kubectl apply -f -
  linkerd profile -n emojivoto --proto Voting.proto voting-svc
  linkerd profile -n emojivoto --tap deploy/web --tap-duration 10s --tap-route-limit 5 web-svc`,
    )
    .action(
      shell.action<Options>(async (context, args, options) => {
        const output = oneOf("--output", options.output, ["yaml", "json"]);
        const { template, openApi, proto, tap } = options;
        if ([template, openApi, proto, tap].filter((given) => given !== undefined).length !== 1) {
          throw new MeshError(
            "invalid-argument",
            "You must specify exactly one of --template or --open-api or --proto or --tap",
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
        } else if (tap !== undefined) {
          profile = serviceProfile(target, await listen(context, tap, options));
        } else {
          [profile] = parseYaml(profileTemplate(target), "the template");
        }
        const text = output === "yaml" ? yamlOf(profile ?? {}) : `${JSON.stringify(profile, null, 2)}\n`;
        context.terminal.out(text);
      }),
    );
}

async function listen(context: Context, tap: string, options: Options): Promise<Route[]> {
  const duration = parseDuration(options.tapDuration);
  const limit = Number(options.tapRouteLimit);
  if (duration === null || !(duration > 0))
    throw new MeshError("invalid-argument", `Flag --tap-duration has the value "${options.tapDuration}"; use e.g. 5s`);
  if (!Number.isInteger(limit) || limit < 1 || limit > mostRoutes) {
    throw new MeshError(
      "invalid-argument",
      `Flag --tap-route-limit has the value "${options.tapRouteLimit}"; use a whole number from 1 to ${mostRoutes}`,
    );
  }
  const client = cluster(context);
  const request = tapRequest(
    [tap],
    { maxRps: String(tapRate), vizNamespace: options.vizNamespace },
    namespaceOr(client, options.namespace),
  );
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), duration);
  try {
    return await tapRoutes(openTap(client, request, over.signal), limit);
  } catch (thrown) {
    throw explained(thrown, options.vizNamespace);
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}

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
