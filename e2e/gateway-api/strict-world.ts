/** What the suite does not look at: pods of our own on its cluster, and a client that sees every byte of an answer. */
import { eventually, ok, toolboxImage, type TestCluster } from "../harness/cluster.ts";
import { echoImage } from "./echo-image.ts";

export const namespace = "strict";

const deployment = (name: string, labels: string, container: string): string => `
apiVersion: v1
kind: ServiceAccount
metadata: {name: ${name}, namespace: ${namespace}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  selector: {matchLabels: {name: ${name}}}
  template:
    metadata: {labels: {name: ${name}, ${labels}}}
    spec:
      serviceAccountName: ${name}
      terminationGracePeriodSeconds: 1
      containers: [${container}]
`;
const service = (name: string, selector: string): string => `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  selector: {${selector}}
  ports: [{name: http, port: 80, targetPort: 8080, appProtocol: http}, {name: http-alt, port: 8080, appProtocol: http}]
`;
const echo = (name: string): string =>
  deployment(name, "app: echo", `{name: echo, image: "${echoImage}", args: [--port=8080, --version=${name}]}`);

/** Services echo (both versions), echo-v1 and echo-v2, and a client. */
export const strictObjects: string = [
  `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${namespace}, annotations: {linkerd.io/inject: enabled}}\n`,
  echo("echo-v1"),
  echo("echo-v2"),
  deployment("client", "app: client", `{name: shell, image: "${toolboxImage}", command: [sleep, infinity]}`),
  service("echo", "app: echo"),
  service("echo-v1", "name: echo-v1"),
  service("echo-v2", "name: echo-v2"),
].join("---\n");

export interface Answer {
  readonly status: number;
  readonly location: string | null;
  /** Of the answer, names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** What the server says that it got: its lines, e.g. "URL=/a" and "RequestHeader=X-A:b". */
  readonly seen: readonly string[];
}

/** One request of the client, as curl's arguments say. */
export async function ask(cluster: TestCluster, ...args: string[]): Promise<Answer> {
  const [answer] = await askAll(cluster, [args]);
  if (answer === undefined) throw new Error("no answer");
  return answer;
}

/** Several, one after the other, by one command: starting one takes longer than a request. */
export async function askAll(cluster: TestCluster, requests: ReadonlyArray<readonly string[]>): Promise<Answer[]> {
  const end = "=== end of an answer ===";
  const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  const script = requests.map((args) => `curl -s -i -m 5 ${args.map(quoted).join(" ")}; echo; echo "${end}"`);
  const out = await ok(inClient(cluster, ["sh", "-c", script.join("\n")]));
  return out.split(`\n${end}\n`).slice(0, -1).map(readAnswer);
}

function readAnswer(text: string): Answer {
  const [head = "", ...body] = text.split("\r\n\r\n");
  const [first = "", ...lines] = head.split("\r\n");
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return {
    status: Number(first.split(" ")[1]),
    location: headers.get("location") ?? null,
    headers,
    seen: body.join("\r\n\r\n").split("\n"),
  };
}

export function inClient(cluster: TestCluster, command: readonly string[]) {
  return cluster.kubectl(["exec", "-n", namespace, "deploy/client", "-c", "shell", "--", ...command]);
}

/** An HTTPRoute of the Service echo, in force: its status says so and the client's proxy has it. */
export async function applyRoute(cluster: TestCluster, name: string, rules: string, port = ""): Promise<void> {
  // The last rule of every route answers this path, with a number that was never there before.
  const mark = String(Date.now());
  const told = `
    - matches: [{path: {type: Exact, value: /in-force-${name}}}]
      filters: [{type: RequestRedirect, requestRedirect: {hostname: m${mark}}}]`;
  await ok(
    cluster.kubectl(
      ["apply", "-f", "-"],
      `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  parentRefs: [{group: "", kind: Service, name: echo${port}}]
  rules:
${rules}${told}
`,
    ),
  );
  await eventually(`the route "${name}"`, 10_000, async () => {
    const { location } = await ask(cluster, `http://echo/in-force-${name}`);
    return location?.startsWith(`http://m${mark}/`) === true ? true : null;
  });
}

export async function removeRoute(cluster: TestCluster, name: string): Promise<void> {
  await ok(cluster.kubectl(["delete", "-n", namespace, `httproute.gateway.networking.k8s.io/${name}`]));
}
