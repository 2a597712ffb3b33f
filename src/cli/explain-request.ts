/** Joins what the control plane tells proxies with what proxies then do: loaded with `linkerd explain` only. */
import { MeshError } from "#lib/errors.ts";
import type { ExplainTarget } from "./commands/explain.ts";
import type { Explanation, Other, Step } from "./explanation.ts";

const loadEngine = () => import("#control/explain/engine.ts");
const loadProxy = () => import("#proxy/explain.ts");
type Engine = Awaited<ReturnType<typeof loadEngine>>;
type Proxy = Awaited<ReturnType<typeof loadProxy>>;
type World = Parameters<Engine["clientOf"]>[0];
type Endpoint = ReturnType<Engine["endpointsOf"]>[number];
type Client = NonNullable<ReturnType<Engine["clientOf"]>>;

export interface ExplainQuestion {
  /** As it was typed. */
  readonly from: string;
  readonly namespace: string;
  readonly pod: string;
  readonly target: ExplainTarget;
  readonly method: string;
  readonly path: string;
  readonly host: string | null;
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
}

/** Endpoints of a backend that are looked at; the others have the same pod template nearly always. */
const perBackend = 50;

export async function explainRequest(world: World, question: ExplainQuestion): Promise<Explanation> {
  const engine = await loadEngine();
  const proxy = await loadProxy();
  const { namespace, target } = question;
  const client = engine.clientOf(world, namespace, question.pod);
  if (client === undefined) throw new MeshError("not-found", `Pod "${namespace}/${question.pod}" is gone`);
  const { host, port } = hostOf(world, target);
  const path = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  const head = proxy.requestOf({ ...question, host: question.host ?? path });
  const steps: Step[] = [];
  const step = (name: string, result: string, others: readonly Other[] = []): void => {
    steps.push({ step: name, result, others });
  };
  const finish = (verdict: Explanation["verdict"], because: string): Explanation => ({
    from: `${question.from} in namespace "${namespace}"`,
    to: path,
    request: `${question.method} ${question.path}`,
    steps,
    verdict,
    because,
    notes: world.notes,
  });

  step("client", clientText(question.pod, client));
  const outbound = engine.outboundOf(world, path, namespace);
  // Without a proxy of its own a client follows no routes: kube-proxy sends it to any endpoint.
  const meshed = client.identity !== null;
  const addr = { ip: outbound.target.kind === "ip" ? outbound.target.ip : "0.0.0.0", port };
  const judged = proxy.judgeOutbound(addr, outbound.profile, meshed ? outbound.policy : null, head);
  step("target", `${outbound.parent}, ${judged.protocol === "detect" ? "protocol detected" : judged.protocol}`);
  if (!meshed) step("route", "none: the client is not meshed, so that routes and retries don't apply", outbound.others);
  else {
    const decides = judged.routes.find(({ why }) => why === null);
    const more = judged.filters.length > 0 ? ` (${judged.filters.join(", ")})` : "";
    step("route", `${decides?.name ?? "none"}${more}`, [...others(judged.routes), ...outbound.others]);
  }
  for (const { name, why } of outbound.mistakes) step("mistake", `${name}: ${why}`);
  if (judged.fails !== null) return finish("failed", judged.fails);

  const total = judged.targets.reduce((sum, { weight }) => sum + weight, 0);
  let permitted = 0;
  let refused = 0;
  let why = "";
  for (const { to, weight, fails } of judged.targets) {
    const share = judged.targets.length > 1 ? `, ${Math.round((weight / total) * 1000) / 10} % of requests` : "";
    if (fails !== null) {
      step("backend", `${to}${share}: ${fails}`);
      refused++;
      why = fails;
      continue;
    }
    const endpoints = engine.endpointsOf(world, to);
    const known = outbound.target.kind === "service" || to.includes(".svc.");
    if (!known && endpoints.length === 0) {
      step("backend", `${to}${share}, outside of the mesh's Services`);
      permitted++;
      continue;
    }
    step("backend", `${to}${share}, ${endpoints.length} ${endpoints.length === 1 ? "endpoint" : "endpoints"}`);
    if (endpoints.length === 0) {
      refused++;
      why = `${to} has no ready endpoint (503)`;
      continue;
    }
    // A client's proxy sends these nothing; it fails requests only where there is nobody else.
    const unfit = meshed
      ? endpoints.filter(({ identity, tlsRequiredBy }) => identity === null && tlsRequiredBy !== undefined)
      : [];
    const [barred] = unfit;
    if (barred !== undefined) {
      const more = unfit.length > 1 ? `, and ${unfit.length - 1} like it` : "";
      const rule = `MeshTLSRequirement "${barred.tlsRequiredBy ?? ""}" asks for a mesh identity`;
      step("endpoint", `${endpointText(barred)}${more}: gets nothing, ${rule}`);
      if (unfit.length === endpoints.length) {
        refused++;
        why = `no endpoint has a mesh identity, for which MeshTLSRequirement "${barred.tlsRequiredBy ?? ""}" asks (502)`;
        continue;
      }
    }
    const fit = endpoints.filter((endpoint) => !unfit.includes(endpoint));
    const groups = Map.groupBy(fit.slice(0, perBackend), (endpoint) =>
      JSON.stringify(inboundSteps(engine, proxy, world, endpoint, client, meshed, head).key),
    );
    for (const members of groups.values()) {
      const [first] = members;
      if (first === undefined) continue;
      const result = inboundSteps(engine, proxy, world, first, client, meshed, head);
      const more = members.length > 1 ? `, and ${members.length - 1} like it` : "";
      step("endpoint", `${endpointText(first)}${more}`);
      steps.push(...result.steps);
      if (result.refused === null) permitted++;
      else {
        refused++;
        why = result.refused;
      }
    }
  }
  if (refused === 0) return finish("allowed", "");
  return permitted === 0 ? finish("denied", why) : finish("mixed", why);
}

interface InboundResult {
  readonly steps: readonly Step[];
  readonly refused: string | null;
  /** What endpoints that are alike have in common. */
  readonly key: unknown;
}

function inboundSteps(
  engine: Engine,
  proxy: Proxy,
  world: World,
  endpoint: Endpoint,
  client: Client,
  meshed: boolean,
  head: ReturnType<Proxy["requestOf"]>,
): InboundResult {
  const facts = engine.inboundOf(world, endpoint);
  if (facts === null) {
    const steps = [{ step: "server", result: "none: the endpoint is not meshed and takes everybody", others: [] }];
    return { steps, refused: null, key: "unmeshed" };
  }
  const mutual = meshed && endpoint.identity !== null;
  const judged = proxy.judgeInbound(
    facts.message,
    { ip: client.ip, identity: mutual ? client.identity : null },
    head,
    Date.now(),
  );
  const steps: Step[] = [
    {
      step: "tls",
      result: mutual ? `mutual, as "${client.identity ?? ""}"` : "none: no identity is proven",
      others: [],
    },
    { step: "server", result: `${judged.policy}, protocol ${judged.protocol}`, others: facts.otherServers },
  ];
  for (const { name, why } of facts.mistakes) steps.push({ step: "mistake", result: `${name}: ${why}`, others: [] });
  if (judged.routes.length > 0) {
    const decides = judged.routes.find(({ why }) => why === null);
    steps.push({ step: "inbound route", result: decides?.name ?? "none", others: others(judged.routes) });
  }
  const permits = judged.authorizations.find(({ why }) => why === null);
  const rest = [...others(judged.authorizations), ...facts.otherAuthorizations];
  steps.push({ step: "authorization", result: permits?.name ?? "none", others: rest });
  if (judged.rateLimit !== null) steps.push({ step: "rate limit", result: judged.rateLimit, others: [] });
  return { steps, refused: judged.refused, key: [steps, judged.refused] };
}

function others(all: ReadonlyArray<{ readonly name: string; readonly why: string | null }>): Other[] {
  return all.flatMap(({ name, why }) => (why === null ? [] : [{ name, why }]));
}

function clientText(pod: string, { identity, ip }: Client): string {
  const address = ip === "" ? "without an address yet" : ip;
  return identity === null
    ? `pod "${pod}" (${address}), not meshed: no identity`
    : `pod "${pod}" (${address}), identity "${identity}"`;
}

function endpointText({ ip, port, pod, external }: Endpoint): string {
  if (pod !== null) return `pod "${pod.name}" in namespace "${pod.namespace}" (${ip}:${port})`;
  return external === undefined ? `${ip}:${port}` : `ExternalWorkload "${external.name}" (${ip}:${port})`;
}

function hostOf(world: World, target: ExplainTarget): { readonly host: string; readonly port: number } {
  const { port } = target;
  if (target.kind === "address") return { host: target.host, port };
  const { namespace, name } = target;
  const service = world.index.services.get(namespace, name);
  if (service === undefined)
    throw new MeshError("not-found", `There is no Service "${name}" in namespace "${namespace}"`);
  if (service.kind !== "headless" && !service.ports.some((declared) => declared.port === port)) {
    const ports = service.ports.map((declared) => declared.port).join(", ");
    throw new MeshError(
      "not-found",
      `Service "${name}" in namespace "${namespace}" has no port ${port}; it has ${ports}`,
    );
  }
  return { host: `${name}.${namespace}.svc.${world.outbound.clusterDomain}`, port };
}
