/** HAProxy and nginx set up for what the mesh's proxies do: a plaintext hop, and a pair with mutual TLS 1.3. One worker each. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Pki } from "./pki.ts";
import { start, waitForPort, type Started } from "./process.ts";
import { appPort, client, inboundPort, outboundPort, proxyUid, server } from "./world.ts";

/** A contender's processes: `out` is on the client's side, `in` on the server's (only in pairs). */
export interface Hop {
  readonly out: Started;
  readonly in: Started | null;
  stop(): Promise<void>;
}

export interface Contender {
  readonly name: string;
  /** A plaintext hop, or a pair of proxies with mutual TLS between them. */
  start(kind: "hop" | "pair"): Promise<Hop>;
}

export async function hopOf(out: Started, inner: Started | null): Promise<Hop> {
  await waitForPort(client.namespace, outboundPort, out);
  if (inner !== null) await waitForPort(server.namespace, inboundPort, inner);
  return {
    out,
    in: inner,
    async stop() {
      await out.stop();
      await inner?.stop();
    },
  };
}

export function haproxy(folder: string, pki: Pki): Contender {
  const base = `global
  nbthread 1
  maxconn 20000
  tune.ssl.default-dh-param 2048
defaults
  mode http
  timeout connect 1s
  timeout client 1m
  timeout server 1m
  timeout http-keep-alive 1m
  option http-keep-alive
  http-reuse always
`;
  const tls = "alpn http/1.1 ssl-min-ver TLSv1.3";
  const configs = {
    hop: `${base}
listen out
  bind 127.0.0.1:${outboundPort}
  server app ${server.ip}:${appPort} pool-max-conn -1
`,
    out: `${base}
listen out
  bind 127.0.0.1:${outboundPort}
  server app ${server.ip}:${inboundPort} ssl ${tls} verify required verifyhost ${pki.server.name} sni str(${pki.server.name}) ca-file ${pki.ca} crt ${pki.client.pair} pool-max-conn -1
`,
    in: `${base}
listen in
  bind ${server.ip}:${inboundPort} ssl ${tls} crt ${pki.server.pair} ca-file ${pki.ca} verify required
  http-request set-header l5d-client-id %[ssl_c_s_dn(cn)]
  server app 127.0.0.1:${appPort} pool-max-conn -1
`,
  };
  const launch = (part: keyof typeof configs, namespace: string): Started => {
    const path = join(folder, `haproxy-${part}.cfg`);
    writeFileSync(path, configs[part]);
    return start(`haproxy ${part}`, ["haproxy", "-db", "-f", path], { namespace, uid: proxyUid });
  };
  return {
    name: "HAProxy",
    start: (kind) =>
      kind === "hop"
        ? hopOf(launch("hop", client.namespace), null)
        : hopOf(launch("out", client.namespace), launch("in", server.namespace)),
  };
}

export function nginx(folder: string, pki: Pki): Contender {
  const wrap = (part: string, body: string): string => `worker_processes 1;
daemon off;
pid ${folder}/nginx-${part}.pid;
error_log stderr error;
events { worker_connections 20000; }
http {
  access_log off;
  client_body_temp_path ${folder}/${part}-b; proxy_temp_path ${folder}/${part}-p; fastcgi_temp_path ${folder}/${part}-f;
  uwsgi_temp_path ${folder}/${part}-u; scgi_temp_path ${folder}/${part}-s;
  keepalive_requests 100000000; keepalive_timeout 75s;
${body}
}
`;
  const proxied = 'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;';
  const configs = {
    hop: wrap(
      "hop",
      `  upstream app { server ${server.ip}:${appPort}; keepalive 256; keepalive_requests 100000000; }
  server { listen 127.0.0.1:${outboundPort}; location / { proxy_pass http://app; ${proxied} } }`,
    ),
    out: wrap(
      "out",
      `  upstream app { server ${server.ip}:${inboundPort}; keepalive 256; keepalive_requests 100000000; }
  server { listen 127.0.0.1:${outboundPort};
    location / { proxy_pass https://app; ${proxied}
      proxy_ssl_protocols TLSv1.3; proxy_ssl_name ${pki.server.name}; proxy_ssl_server_name on; proxy_ssl_verify on;
      proxy_ssl_trusted_certificate ${pki.ca}; proxy_ssl_certificate ${pki.client.cert}; proxy_ssl_certificate_key ${pki.client.key}; } }`,
    ),
    in: wrap(
      "in",
      `  upstream app { server 127.0.0.1:${appPort}; keepalive 256; keepalive_requests 100000000; }
  server { listen ${server.ip}:${inboundPort} ssl; ssl_protocols TLSv1.3; ssl_certificate ${pki.server.cert}; ssl_certificate_key ${pki.server.key};
    ssl_client_certificate ${pki.ca}; ssl_verify_client on;
    location / { proxy_pass http://app; ${proxied} proxy_set_header l5d-client-id $ssl_client_s_dn; } }`,
    ),
  };
  const launch = (part: keyof typeof configs, namespace: string): Started => {
    const path = join(folder, `nginx-${part}.conf`);
    writeFileSync(path, configs[part]);
    return start(`nginx ${part}`, ["nginx", "-p", folder, "-c", path], { namespace, uid: proxyUid });
  };
  return {
    name: "nginx",
    start: (kind) =>
      kind === "hop"
        ? hopOf(launch("hop", client.namespace), null)
        : hopOf(launch("out", client.namespace), launch("in", server.namespace)),
  };
}
