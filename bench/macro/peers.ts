/** HAProxy and nginx set up for what the mesh's proxies do: a plaintext hop, and a pair with mutual TLS 1.3. One worker each. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Pki } from "./pki.ts";
import type { Kind, Ports } from "./ports.ts";
import { start, waitForPort, type Started } from "./process.ts";
import { appPort, client, echoPort, grpcPort, http2Port, proxyUid, server } from "./world.ts";

/** A contender's processes: `out` is on the client's side, `in` on the server's (only in pairs). */
export interface Hop {
  readonly out: Started;
  readonly in: Started | null;
  stop(): Promise<void>;
}

export interface Contender {
  readonly name: string;
  /** Resolves when it can serve. */
  start(kind: Kind, ports: Ports): Promise<Hop>;
}

export async function hopOf(out: Started, inner: Started | null, ports: Ports): Promise<Hop> {
  await waitForPort(client.namespace, ports.outbound, out);
  if (inner !== null) await waitForPort(server.namespace, ports.inbound, inner);
  return {
    out,
    in: inner,
    async stop() {
      await out.stop();
      await inner?.stop();
    },
  };
}

function launchHop(launch: (part: "out" | "in", namespace: string) => Started, kind: Kind, ports: Ports): Promise<Hop> {
  return hopOf(launch("out", client.namespace), kind === "hop" ? null : launch("in", server.namespace), ports);
}

/** The application's port behind each kind. */
const behind: Readonly<Record<Kind, number>> = {
  hop: appPort,
  pair: appPort,
  tcp: echoPort,
  h2: http2Port,
  grpc: grpcPort,
};

const isHttp2 = (kind: Kind): boolean => kind === "h2" || kind === "grpc";

export function haproxy(folder: string, pki: Pki): Contender {
  const tls = "ssl-min-ver TLSv1.3";
  const configs = (kind: Kind, ports: Ports): Record<"out" | "in", string> => {
    const http = kind !== "tcp";
    const base = `global
  nbthread 1
  maxconn 8000
defaults
  mode ${http ? "http" : "tcp"}
  timeout connect 1s
  timeout client 5m
  timeout server 5m
${http ? "  option http-keep-alive\n  http-reuse always\n" : ""}`;
    const pool = http ? "pool-max-conn -1" : "";
    const verify = `ssl ${tls} verify required verifyhost ${pki.server.name} sni str(${pki.server.name}) ca-file ${pki.ca} crt ${pki.client.pair}`;
    const next = kind === "hop" ? `${server.ip}:${appPort}` : `${server.ip}:${ports.inbound} ${verify}`;
    const [plain, secure] = isHttp2(kind) ? ["proto h2", "alpn h2"] : ["", ""];
    const id = http ? "  http-request set-header l5d-client-id %[ssl_c_s_dn(cn)]\n" : "";
    return {
      out: `${base}
listen out
  bind 127.0.0.1:${ports.outbound} ${plain}
  server app ${next} ${kind === "hop" ? plain : secure} ${pool}
`,
      in: `${base}
listen in
  bind ${server.ip}:${ports.inbound} ssl ${tls} crt ${pki.server.pair} ca-file ${pki.ca} verify required ${secure}
${id}  server app 127.0.0.1:${behind[kind]} ${plain} ${pool}
`,
    };
  };
  return {
    name: "HAProxy",
    start(kind, ports) {
      const texts = configs(kind, ports);
      return launchHop(
        (part, namespace) => {
          const path = join(folder, `haproxy-${kind}-${part}.cfg`);
          writeFileSync(path, texts[part]);
          return start(`haproxy ${part}`, ["haproxy", "-db", "-f", path], { namespace, uid: proxyUid });
        },
        kind,
        ports,
      );
    },
  };
}

export function nginx(folder: string, pki: Pki): Contender {
  const wrap = (name: string, body: string): string => `worker_processes 1;
daemon off;
pid ${folder}/${name}.pid;
error_log stderr error;
events { worker_connections 8000; }
http {
  access_log off;
  client_body_temp_path ${folder}/${name}-b; proxy_temp_path ${folder}/${name}-p; fastcgi_temp_path ${folder}/${name}-f;
  uwsgi_temp_path ${folder}/${name}-u; scgi_temp_path ${folder}/${name}-s;
  keepalive_requests 100000000; keepalive_timeout 75s;
${body}
}
`;
  const upstream = (addr: string): string =>
    `  upstream app { server ${addr}; keepalive 256; keepalive_requests 100000000; }`;
  const configs = (kind: Kind, ports: Ports, name: string): Record<"out" | "in", string> => {
    // It speaks HTTP/2 to servers only where it passes gRPC, which carries any request.
    const [how, http2] = isHttp2(kind) ? ["grpc", "http2"] : ["proxy", ""];
    const proxied =
      how === "grpc"
        ? "grpc_set_header Host $host;"
        : 'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;';
    const [plain, secure] = how === "grpc" ? ["grpc", "grpcs"] : ["http", "https"];
    const next =
      kind === "hop"
        ? `${how}_pass ${plain}://app; ${proxied}`
        : `${how}_pass ${secure}://app; ${proxied}
      ${how}_ssl_protocols TLSv1.3; ${how}_ssl_name ${pki.server.name}; ${how}_ssl_server_name on; ${how}_ssl_verify on;
      ${how}_ssl_trusted_certificate ${pki.ca}; ${how}_ssl_certificate ${pki.client.cert}; ${how}_ssl_certificate_key ${pki.client.key};`;
    return {
      out: wrap(
        name,
        `${upstream(`${server.ip}:${kind === "hop" ? appPort : ports.inbound}`)}
  server { listen 127.0.0.1:${ports.outbound} ${http2}; location / { ${next} } }`,
      ),
      in: wrap(
        name,
        `${upstream(`127.0.0.1:${behind[kind]}`)}
  server { listen ${server.ip}:${ports.inbound} ssl ${http2}; ssl_protocols TLSv1.3; ssl_certificate ${pki.server.cert}; ssl_certificate_key ${pki.server.key};
    ssl_client_certificate ${pki.ca}; ssl_verify_client on;
    location / { ${how}_pass ${plain}://app; ${proxied} ${how}_set_header l5d-client-id $ssl_client_s_dn; } }`,
      ),
    };
  };
  return {
    name: "nginx",
    start(kind, ports) {
      return launchHop(
        (part, namespace) => {
          const name = `nginx-${kind}-${part}`;
          const path = join(folder, `${name}.conf`);
          writeFileSync(path, configs(kind, ports, name)[part]);
          return start(name, ["nginx", "-p", folder, "-c", path], { namespace, uid: proxyUid });
        },
        kind,
        ports,
      );
    },
  };
}
