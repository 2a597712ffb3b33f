/** One probe or lifecycle call over the network: HTTP or TCP, from the node to the pod's address. */
import type { Container, HttpGetAction } from "../types.ts";

/** The port that a probe names, or null when the container has no port of that name. */
export function probePort(port: number | string, container: Container): number | null {
  if (typeof port === "number") return port;
  if (/^\d+$/.test(port)) return Number(port);
  return container.ports?.find(({ name }) => name === port)?.containerPort ?? null;
}

/** Null for success (200–399), else the reason, in the kubelet's words. */
export async function httpProbe(
  action: HttpGetAction,
  container: Container,
  podIp: string,
  timeout: number,
): Promise<string | null> {
  const port = probePort(action.port, container);
  if (port === null) return `Container "${container.name}" has no port named "${action.port}"`;
  const scheme = (action.scheme ?? "HTTP").toLowerCase();
  const path = action.path ?? "/";
  const url = `${scheme}://${action.host ?? podIp}:${port}${path.startsWith("/") ? path : `/${path}`}`;
  const headers = new Headers({ "user-agent": "kube-probe/1.34", connection: "close" });
  for (const { name, value } of action.httpHeaders ?? []) headers.set(name, value);
  try {
    const response = await fetch(url, {
      headers,
      redirect: "manual",
      keepalive: false,
      signal: AbortSignal.timeout(timeout),
      tls: { rejectUnauthorized: false },
    });
    await response.body?.cancel();
    if (response.status >= 200 && response.status < 400) return null;
    return `HTTP probe failed with statuscode: ${response.status}`;
  } catch (thrown) {
    if (thrown instanceof DOMException && thrown.name === "TimeoutError")
      return `Get "${url}": context deadline exceeded`;
    return `Get "${url}": ${thrown instanceof Error ? thrown.message : String(thrown)}`;
  }
}

/** Null when the port takes a connection. */
export function tcpProbe(ip: string, port: number, timeout: number): Promise<string | null> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(`dial tcp ${ip}:${port}: i/o timeout`), timeout);
    const finish = (result: string | null): void => {
      clearTimeout(timer);
      resolve(result);
    };
    Bun.connect({
      hostname: ip,
      port,
      socket: {
        open(socket) {
          finish(null);
          socket.terminate();
        },
        data() {},
        connectError() {
          finish(`dial tcp ${ip}:${port}: connection refused`);
        },
      },
    }).catch(() => finish(`dial tcp ${ip}:${port}: connection refused`));
  });
}
