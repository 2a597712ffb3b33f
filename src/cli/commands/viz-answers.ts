/** `linkerd viz edges`, `routes`, `authz`, `stat-inbound` and `stat-outbound`: what the metrics API says beside stat. */
import type { Command } from "commander";
import { MeshError } from "#lib/errors.ts";
import type { AuthzAnswer, EdgeAnswer, InboundAnswer, OutboundAnswer, RouteAnswer } from "#viz/client/answers.ts";
import {
  authzJson,
  authzTable,
  edgesJson,
  edgesTable,
  inboundJson,
  inboundTable,
  outboundJson,
  outboundTable,
  routesJson,
  routesTable,
} from "../output/viz-tables.ts";
import { oneOf, type Shell } from "../shell.ts";
import {
  addResource,
  addWindow,
  askViz,
  namespaceOf,
  queryOf,
  sayNothingFound,
  type QueryOptions,
} from "../viz-query.ts";

export function registerAnswers(viz: Command, shell: Shell): void {
  registerEdges(viz, shell);
  registerRoutes(viz, shell);
  registerAuthz(viz, shell);
  registerSide(viz, shell, {
    name: "stat-inbound",
    description: "Print what resources serve, by Server and route",
    table: (rows: readonly InboundAnswer[]) => inboundTable(rows),
    json: inboundJson,
  });
  registerSide(viz, shell, {
    name: "stat-outbound",
    description: "Print what resources call, by Service, route and backend",
    table: (rows: readonly OutboundAnswer[]) => outboundTable(rows),
    json: outboundJson,
  });
}

function registerEdges(viz: Command, shell: Shell): void {
  addResource(viz.command("edges"))
    .description("Print who is connected to whom, and whether that is secured")
    .option("-A, --all-namespaces", "connections of all namespaces")
    .option("-o, --output <format>", "table, wide or json", "table")
    .addHelpText("after", "\nExamples:\n  linkerd viz edges deploy -n emojivoto\n  linkerd viz edges po -A -o wide")
    .action(
      shell.action<QueryOptions>(async (context, args, options) => {
        const output = oneOf("--output", options.output, ["table", "wide", "json"]);
        const namespace = namespaceOf(context, options);
        const request = queryOf(args, options, namespace);
        const { kind } = request.resource;
        if (kind === "service" || kind === "authority") {
          throw new MeshError("invalid-argument", `A ${kind} has no connections of its own; name a workload or a pod`);
        }
        const rows = await askViz<EdgeAnswer>(context, options, "edges", request);
        if (output === "json") context.terminal.out(edgesJson(rows));
        else if (rows.length > 0) context.terminal.out(edgesTable(rows, output === "wide"));
        else sayNothingFound(context, "No edges found", namespace);
      }),
    );
}

function registerRoutes(viz: Command, shell: Shell): void {
  addWindow(addResource(viz.command("routes")))
    .description("Print success rate, requests per second and latencies of routes")
    .option("--to <resource>", "only requests to this Service or authority, as the resource's proxies sent them")
    .option("--to-namespace <namespace>", "namespace of --to (default: that of the resource)")
    .option("-l, --selector <selector>", "only pods with these labels")
    .option("-o, --output <format>", "table, wide or json", "table")
    .addHelpText(
      "after",
      `
Examples:
  linkerd viz routes svc/web -n emojivoto                     # as its clients count them
  linkerd viz routes deploy/web --to svc/voting -n emojivoto -o wide
  linkerd viz routes deploy/voting -n emojivoto               # as its own proxies are asked`,
    )
    .action(
      shell.action<QueryOptions>(async (context, args, options) => {
        const output = oneOf("--output", options.output, ["table", "wide", "json"]);
        const namespace = namespaceOf(context, options);
        const request = queryOf(args, options, namespace);
        if (request.to !== undefined && request.to.kind !== "service" && request.to.kind !== "authority") {
          throw new MeshError(
            "invalid-argument",
            `Flag --to names a ${request.to.kind}; use a service or an authority`,
          );
        }
        const rows = await askViz<RouteAnswer>(context, options, "routes", request);
        const authority = (request.to ?? request.resource).kind === "authority";
        if (output === "json") context.terminal.out(routesJson(rows, authority));
        else if (rows.length > 0) context.terminal.out(routesTable(rows, authority, output === "wide"));
        else sayNothingFound(context, "No routes with traffic found", namespace);
      }),
    );
}

function registerAuthz(viz: Command, shell: Shell): void {
  addWindow(addResource(viz.command("authz")))
    .description("Print what authorizations let in and what was refused")
    .option("-l, --selector <selector>", "only pods with these labels")
    .option("-o, --output <format>", "table or json", "table")
    .addHelpText(
      "after",
      "\nExamples:\n  linkerd viz authz deploy/voting -n emojivoto\n  linkerd viz authz deploy -n emojivoto -o json",
    )
    .action(
      shell.action<QueryOptions>(async (context, args, options) => {
        const output = oneOf("--output", options.output, ["table", "json"]);
        const namespace = namespaceOf(context, options);
        const rows = await askViz<AuthzAnswer>(context, options, "authz", queryOf(args, options, namespace));
        if (output === "json") context.terminal.out(authzJson(rows));
        else if (rows.length > 0) context.terminal.out(authzTable(rows));
        else sayNothingFound(context, "No traffic found", namespace);
      }),
    );
}

interface Side<Row> {
  readonly name: string;
  readonly description: string;
  readonly table: (rows: readonly Row[]) => string;
  readonly json: (rows: readonly Row[]) => string;
}

function registerSide<Row>(viz: Command, shell: Shell, side: Side<Row>): void {
  addWindow(addResource(viz.command(side.name)))
    .description(side.description)
    .option("-o, --output <format>", "table or json", "table")
    .addHelpText(
      "after",
      `\nExamples:\n  linkerd viz ${side.name} deploy -n emojivoto\n  linkerd viz ${side.name} deploy/web -n emojivoto -o json -t 5m`,
    )
    .action(
      shell.action<QueryOptions>(async (context, args, options) => {
        const output = oneOf("--output", options.output, ["table", "json"]);
        const namespace = namespaceOf(context, options);
        const rows = await askViz<Row>(context, options, side.name, queryOf(args, options, namespace));
        if (output === "json") context.terminal.out(side.json(rows));
        else if (rows.length > 0) context.terminal.out(side.table(rows));
        else sayNothingFound(context, "No traffic found", namespace);
      }),
    );
}
