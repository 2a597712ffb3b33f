/** `linkerd authz`: who may talk to a workload, by the names of the resources that say so. */
import { MeshError } from "#lib/errors.ts";
import type { KubeClient } from "#kube/client.ts";
import type { Resource } from "#kube/resource.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { type Authorization, authorizationsFor } from "../authorizations.ts";
import { cluster, namespaceOr } from "../cluster.ts";
import { table } from "../output/table.ts";
import { podsOf } from "../pods-of.ts";
import {
  type AuthorizationPolicy,
  authorizationPolicies,
  gatewayHttpRoutes,
  type HttpRoute,
  policyHttpRoutes,
  type Server,
  type ServerAuthorization,
  serverAuthorizations,
  servers,
} from "../policy-resources.ts";
import { oneOf, type Register } from "../shell.ts";

export const register: Register = (parent, shell) => {
  parent
    .command("authz")
    .description("Print the authorizations that concern a resource")
    .argument("<resource>", "TYPE/NAME or TYPE NAME, e.g. deploy/web")
    .argument("[name]")
    .option("-n, --namespace <namespace>", "namespace of the resource")
    .option("-o, --output <format>", "table or json", "table")
    .addHelpText(
      "after",
      "\nExamples:\n  linkerd authz -n emojivoto deploy/voting\n  linkerd authz -n emojivoto po voting-5d9c-x2x -o json",
    )
    .action(
      shell.action<{ namespace?: string; output: string }>(async (context, args, options) => {
        const output = oneOf("--output", options.output, ["table", "json"]);
        const client = cluster(context);
        const namespace = namespaceOr(client, options.namespace);
        const pods = await podsOf(client, args.join("/"), namespace);
        const routes = [
          ...(await list<HttpRoute>(client, policyHttpRoutes, namespace)),
          ...(await list<HttpRoute>(client, gatewayHttpRoutes, namespace)),
        ];
        const rows = authorizationsFor(pods, {
          servers: await list<Server>(client, servers, namespace),
          serverAuthorizations: await list<ServerAuthorization>(client, serverAuthorizations, namespace),
          policies: await list<AuthorizationPolicy>(client, authorizationPolicies, namespace),
          routes,
        });
        if (output === "json") context.terminal.out(`${JSON.stringify(rows, null, 2)}\n`);
        else if (rows.length > 0) context.terminal.out(authorizationTable(rows));
        else context.terminal.err(`No authorization concerns "${args.join("/")}" in namespace "${namespace}"\n`);
      }),
    );
};

/** Nothing of a type that the cluster does not know. */
async function list<T extends KubeObject>(client: KubeClient, resource: Resource, namespace: string): Promise<T[]> {
  try {
    return (await client.list<T>(resource, { namespace })).items;
  } catch (error) {
    if (error instanceof MeshError && error.code === "not-found") return [];
    throw error;
  }
}

function authorizationTable(rows: readonly Authorization[]): string {
  return table<Authorization>(
    [
      { header: "ROUTE", value: ({ route }) => route || "*" },
      { header: "SERVER", value: ({ server }) => server },
      { header: "AUTHORIZATION_POLICY", value: ({ authorizationPolicy }) => authorizationPolicy },
      { header: "SERVER_AUTHORIZATION", value: ({ serverAuthorization }) => serverAuthorization },
    ],
    rows,
    2,
  );
}
