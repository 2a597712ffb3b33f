/** Pod subresources that stream: log, exec, portforward. */
import type { KubeObject } from "../../store/object.ts";
import { record, text } from "../kinds/strategy.ts";
import { badRequest, notFound, notImplemented, StatusError } from "../status-error.ts";
import { ExecSocket } from "./exec-socket.ts";
import { containerOf, serveLog } from "./log-stream.ts";
import type { ObjectRequest } from "./objects.ts";
import { PortForwardSocket } from "./port-forward-socket.ts";
import type { SocketSession, Upgrade } from "./socket-session.ts";
import { SpdyTunnel } from "./spdy/tunnel.ts";

export const streamSubresources: ReadonlySet<string> = new Set(["log", "exec", "portforward"]);

/** Ports of one request at most. */
const maxPorts = 16;

const execProtocols = ["v5.channel.k8s.io", "v4.channel.k8s.io"];
const spdyTunnel = "SPDY/3.1+portforward.k8s.io";
const channels = "v4.channel.k8s.io";

/** The first of `wanted` that the client offers. Throws 400 for a request that is no WebSocket handshake. */
function protocolOf(request: Request, wanted: readonly string[]): string {
  const upgrade = request.headers.get("upgrade")?.toLowerCase();
  if (upgrade === "spdy/3.1") {
    throw notImplemented(
      "Plain SPDY connections are not served by this local cluster; use WebSockets (kubectl 1.31 and newer do)",
    );
  }
  if (upgrade !== "websocket") throw badRequest("Upgrade request required");
  const offered = (request.headers.get("sec-websocket-protocol") ?? "").split(",").map((name) => name.trim());
  const found = wanted.find((name) => offered.includes(name));
  if (found === undefined)
    throw badRequest(`None of the subprotocols "${offered.join(", ")}" is served; use ${wanted.join(" or ")}`);
  return found;
}

function switchTo(upgrade: Upgrade, protocol: string, session: SocketSession): undefined {
  if (upgrade(protocol, session)) return;
  session.close();
  throw badRequest("The WebSocket handshake is not valid");
}

export async function serveStream(work: ObjectRequest, upgrade: Upgrade): Promise<Response | undefined> {
  const { parts, info, route, request, query } = work;
  const pod = parts.store.get("pods", route.namespace, route.name);
  if (pod === null) throw notFound(info, route.name);
  if (text(record(pod["spec"])["nodeName"]) === "") throw badRequest(`pod ${route.name} does not have a host assigned`);
  const executor = parts.executor();
  if (executor === null) throw new StatusError("ServiceUnavailable", "No node serves pods yet");
  switch (route.subresource) {
    case "log":
      if (route.verb !== "get")
        throw new StatusError("MethodNotAllowed", "the server does not allow this method on the requested resource");
      return serveLog(executor, pod, query, parts.clock.wall());
    case "exec": {
      const options = execOptions(pod, query);
      const protocol = protocolOf(request, execProtocols);
      return switchTo(upgrade, protocol, new ExecSocket(executor, pod, options));
    }
    default: {
      const protocol = protocolOf(request, [spdyTunnel, channels]);
      if (protocol === spdyTunnel) return switchTo(upgrade, protocol, new SpdyTunnel(executor, pod));
      return switchTo(upgrade, protocol, new PortForwardSocket(executor, pod, portsOf(query)));
    }
  }
}

function execOptions(pod: KubeObject, query: URLSearchParams): ConstructorParameters<typeof ExecSocket>[2] {
  const command = query.getAll("command");
  if (command.length === 0) throw badRequest("you must specify at least one command for the container");
  const is = (name: string, fallback: boolean): boolean => {
    const value = query.get(name);
    return value === null ? fallback : value === "true" || value === "1";
  };
  return {
    container: containerOf(pod, query.get("container")),
    command,
    stdin: is("stdin", false),
    stdout: is("stdout", true),
    stderr: is("stderr", true),
    tty: is("tty", false),
  };
}

function portsOf(query: URLSearchParams): number[] {
  const ports = query
    .getAll("ports")
    .flatMap((value) => value.split(","))
    .map(Number);
  if (ports.length === 0) throw badRequest('query parameter "ports" is required');
  if (ports.length > maxPorts) throw badRequest(`At most ${maxPorts} ports can be forwarded by one request`);
  for (const port of ports) {
    if (!Number.isInteger(port) || port < 1 || port > 65535)
      throw badRequest(`The port "${port}" is not between 1 and 65535`);
  }
  return ports;
}
