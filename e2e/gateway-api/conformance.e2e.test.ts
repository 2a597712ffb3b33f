/**
 * The Gateway API's conformance tests of meshes, then what they leave out: they compare neither the Location of a redirect nor
 * the path that reaches the server, and no status of a route, identity or mirrored request.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { eventually, ok, type TestCluster } from "../harness/cluster.ts";
import { waitForDeployments } from "../../scripts/mesh.ts";
import { runSuite, startConformanceCluster, type SuiteRun } from "./conformance-cluster.ts";
import { applyRoute, ask, askAll, inClient, namespace, removeRoute, strictObjects } from "./strict-world.ts";
import { meshTests } from "./suite-log.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startConformanceCluster((text) => console.log(text));
}, 300_000);
afterAll(async () => {
  await cluster?.stop();
}, 60_000);

describe("the conformance suite", () => {
  let run: SuiteRun;
  beforeAll(async () => {
    run = await runSuite(cluster, { inARow: 6 });
    console.log(`the suite took ${run.took.toFixed(1)} s`);
    if (run.tests.size === 0) console.log(run.log.slice(-4000));
  }, 900_000);

  test.each(meshTests.map((name) => [name]))("%s", (name) => {
    expect({ verdict: run.tests.get(name), reasons: run.reasons.get(name) }).toEqual({
      verdict: "pass",
      reasons: undefined,
    });
  });

  test("has no other complaint", () => {
    expect(run.code).toBe(0);
  });
});

describe("routes", () => {
  beforeAll(async () => {
    await ok(cluster.kubectl(["apply", "-f", "-"], strictObjects));
    await waitForDeployments(cluster.client, namespace, 90_000);
  }, 120_000);

  const rule = (path: string, filter: string, backend = ""): string => `
    - matches: [{path: {type: PathPrefix, value: ${path}}}]
      filters: [${filter}]${backend === "" ? "" : `\n      backendRefs: [{name: ${backend}, port: 8080}]`}`;

  test("redirect to exactly the place that they say", async () => {
    const redirect = (path: string, to: string) => rule(path, `{type: RequestRedirect, requestRedirect: {${to}}}`);
    const full = (path: string) => `path: {type: ReplaceFullPath, replaceFullPath: ${path}}`;
    const prefix = (path: string) => `path: {type: ReplacePrefixMatch, replacePrefixMatch: ${path}}`;
    await applyRoute(
      cluster,
      "redirects",
      [
        redirect("/host", "hostname: example.org"),
        redirect("/status", "hostname: example.org, statusCode: 301"),
        redirect("/scheme", "scheme: https"),
        redirect("/port", "port: 8083"),
        redirect("/tls", "scheme: https, port: 8443, hostname: example.org"),
        redirect("/usual", "scheme: https, port: 443"),
        redirect("/full", full("/new")),
        redirect("/old", prefix("/new")),
        redirect("/strip", prefix("/")),
        redirect("/all", `scheme: https, hostname: example.org, port: 444, statusCode: 308, ${prefix("/new/")}`),
      ].join(""),
    );
    const rows: ReadonlyArray<readonly [url: string, status: number, location: string]> = [
      ["http://echo/host/a?b=c", 302, "http://example.org/host/a?b=c"],
      ["http://echo:8080/host", 302, "http://example.org:8080/host"],
      ["http://echo/status", 301, "http://example.org/status"],
      ["http://echo/scheme/a%2fb?c=%20", 302, "https://echo/scheme/a%2fb?c=%20"],
      ["http://echo:8080/scheme", 302, "https://echo/scheme"],
      ["http://echo/port", 302, "http://echo:8083/port"],
      ["http://echo/tls", 302, "https://example.org:8443/tls"],
      ["http://echo/usual", 302, "https://echo/usual"],
      ["http://echo/full/a/b?c", 302, "http://echo/new?c"],
      ["http://echo/old/a/b?c=d", 302, "http://echo/new/a/b?c=d"],
      ["http://echo/old", 302, "http://echo/new"],
      ["http://echo/old/", 302, "http://echo/new/"],
      ["http://echo/strip/a", 302, "http://echo/a"],
      ["http://echo/strip", 302, "http://echo/"],
      ["http://echo/all/a", 308, "https://example.org:444/new/a"],
      ["http://echo.strict.svc.cluster.local/host", 302, "http://example.org/host"],
    ];
    const answers = await askAll(cluster, [...rows.map(([url]) => [url])]);
    expect(rows.map(([url], at) => [url, answers[at]?.status, answers[at]?.location])).toEqual(
      rows.map((row) => [...row]),
    );
    // A prefix is of whole segments.
    expect((await ask(cluster, "http://echo/older")).status).toBe(404);
    await removeRoute(cluster, "redirects");
  }, 60_000);

  test("rewrite to exactly the host and path that they say, and the server sees no others", async () => {
    const rewrite = (path: string, to: string) => rule(path, `{type: URLRewrite, urlRewrite: {${to}}}`, "echo-v2");
    const full = (path: string) => `path: {type: ReplaceFullPath, replaceFullPath: ${path}}`;
    const prefix = (path: string) => `path: {type: ReplacePrefixMatch, replacePrefixMatch: ${path}}`;
    await applyRoute(
      cluster,
      "rewrites",
      [
        rewrite("/full", full("/new")),
        rewrite("/old", prefix("/new")),
        rewrite("/strip", prefix("/")),
        rewrite("/slash", prefix("/new/")),
        rewrite("/host", "hostname: example.org"),
        rewrite("/both", `hostname: example.org, ${prefix("/new")}`),
      ].join(""),
    );
    const rows: ReadonlyArray<readonly [path: string, host: string, seen: string]> = [
      ["/full/a/b?c=d", "echo", "/new?c=d"],
      ["/old/a?b=c&b=d", "echo", "/new/a?b=c&b=d"],
      ["/old", "echo", "/new"],
      ["/old/", "echo", "/new/"],
      ["/strip/a", "echo", "/a"],
      ["/strip", "echo", "/"],
      ["/slash/a", "echo", "/new/a"],
      ["/host/a", "example.org", "/host/a"],
      ["/both/a", "example.org", "/new/a"],
    ];
    const answers = await askAll(cluster, [...rows.map(([path]) => [`http://echo${path}`])]);
    const told = (at: number): string[] =>
      (answers[at]?.seen ?? []).filter((line) => /^(URL|Host|ServiceVersion)=/.test(line)).toSorted();
    expect(rows.map(([path], at) => [path, answers[at]?.status, ...told(at)])).toEqual(
      rows.map(([path, host, url]) => [path, 200, `Host=${host}`, "ServiceVersion=echo-v2", `URL=${url}`]),
    );
    await removeRoute(cluster, "rewrites");
  }, 60_000);

  test("change headers of requests and answers, and the server knows the client by its certificate alone", async () => {
    const headers = "set: [{name: X-Set, value: mesh}], add: [{name: X-Add, value: mesh}], remove: [x-remove]";
    const filters = `{type: RequestHeaderModifier, requestHeaderModifier: {${headers}}}, {type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: X-Answer, value: mesh}], remove: [date]}}`;
    await applyRoute(cluster, "headers", rule("/headers", filters, "echo-v2"));
    const forged = "l5d-client-id: admin.strict.serviceaccount.identity.linkerd.cluster.local";
    const { headers: answered, seen } = await ask(
      cluster,
      ...["x-set: app", "x-add: app", "X-Remove: app", forged].flatMap((header) => ["-H", header]),
      "http://echo/headers",
    );
    const got = (name: string) =>
      seen.filter((line) => line.startsWith(`RequestHeader=${name}:`)).map((line) => line.slice(name.length + 15));
    expect([got("X-Set"), got("X-Add"), got("X-Remove")]).toEqual([["mesh"], ["app", "mesh"], []]);
    expect(got("L5d-Client-Id")).toEqual(["client.strict.serviceaccount.identity.linkerd.cluster.local"]);
    expect([answered.get("x-answer"), answered.get("date")]).toEqual(["mesh", undefined]);
    await removeRoute(cluster, "headers");
  }, 60_000);

  test("mirror a share of the requests, whose answers nobody sees", async () => {
    const mirror = "{backendRef: {name: echo-v2, port: 8080}, fraction: {numerator: 1, denominator: 4}}";
    await applyRoute(
      cluster,
      "mirror",
      rule("/mirrored", `{type: RequestMirror, requestMirror: ${mirror}}`, "echo-v1"),
    );
    const copies = async (): Promise<number> => {
      const metrics = await ok(cluster.linkerd(["diagnostics", "proxy-metrics", "-n", namespace, "deploy/echo-v2"]));
      const lines = metrics.split("\n").filter((line) => /^request_total\{.*direction="inbound"/.test(line));
      return lines
        .filter((line) => line.includes('target_addr="') && !line.includes(':4191"'))
        .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
    };
    const before = await copies();
    const answers = await ok(inClient(cluster, ["curl", "-s", "-m", "60", "http://echo/mirrored?[1-400]"]));
    expect(answers.match(/^ServiceVersion=.*$/gm)?.every((line) => line === "ServiceVersion=echo-v1")).toBe(true);
    expect(answers.match(/^ServiceVersion=/gm)?.length).toBe(400);
    const after = await eventually("the copies", 10_000, async () => {
      const count = (await copies()) - before;
      return count > 50 ? count : null;
    });
    expect(after).toBeWithin(60, 141);
    await removeRoute(cluster, "mirror");
  }, 60_000);

  test("of two with the same match the older counts, and each has a status for its generation", async () => {
    const to = (backend: string) => `
    - matches: [{path: {type: PathPrefix, value: /same}}]
      backendRefs: [{name: ${backend}, port: 8080}]`;
    const version = async () =>
      (await ask(cluster, "http://echo/same")).seen.find((line) => line.startsWith("ServiceVersion="));
    await applyRoute(cluster, "z-older", to("echo-v1"));
    // Ages are of whole seconds.
    await Bun.sleep(1100);
    await applyRoute(cluster, "a-younger", to("echo-v2"));
    expect(await version()).toBe("ServiceVersion=echo-v1");
    interface Route {
      readonly metadata: { readonly generation: number };
      readonly status?: {
        readonly parents: ReadonlyArray<{
          readonly controllerName: string;
          readonly conditions: ReadonlyArray<{
            readonly type: string;
            readonly status: string;
            readonly reason: string;
            readonly observedGeneration: number;
          }>;
        }>;
      };
    }
    const read = async (): Promise<Route> =>
      JSON.parse(
        await ok(
          cluster.kubectl(["get", "-n", namespace, "httproute.gateway.networking.k8s.io/a-younger", "-o", "json"]),
        ),
      ) as Route;
    const status = (reason: string) =>
      eventually(`the status with ${reason}`, 15_000, async () => {
        const { metadata, status: told } = await read();
        const [parent] = told?.parents ?? [];
        if (parent?.conditions.every(({ observedGeneration }) => observedGeneration === metadata.generation) !== true)
          return null;
        const reasons = parent.conditions.map(
          (condition) => `${condition.type}=${condition.status}/${condition.reason}`,
        );
        return reasons.join(" ").includes(reason) ? [parent.controllerName, ...reasons] : null;
      });
    expect(await status("True/ResolvedRefs")).toEqual([
      "linkerd.io/policy-controller",
      "Accepted=True/Accepted",
      "ResolvedRefs=True/ResolvedRefs",
    ]);
    await applyRoute(cluster, "a-younger", to("gone"));
    expect(await status("BackendNotFound")).toEqual([
      "linkerd.io/policy-controller",
      "Accepted=True/Accepted",
      "ResolvedRefs=False/BackendNotFound",
    ]);
    await removeRoute(cluster, "z-older");
    await eventually("the younger route", 10_000, async () =>
      (await ask(cluster, "http://echo/same")).status === 500 ? true : null,
    );
    await removeRoute(cluster, "a-younger");
  }, 60_000);
});
