/** The application behind every contender: nginx answering from memory, 32 bytes, 100 KB or 1 MiB, by HTTP/1 and on another port by HTTP/2. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { start, waitForPort, type Started } from "./process.ts";
import { appPort, http2Port, server } from "./world.ts";

export const paths = { small: "/small", large: "/large", mebibyte: "/mebibyte" } as const;

export async function startApp(folder: string): Promise<Started> {
  writeFileSync(join(folder, "large"), Buffer.alloc(100 * 1024, "x"));
  writeFileSync(join(folder, "mebibyte"), Buffer.alloc(1 << 20, "x"));
  const path = join(folder, "app.conf");
  writeFileSync(
    path,
    `worker_processes 1;
daemon off;
pid ${folder}/app.pid;
error_log stderr error;
events { worker_connections 20000; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 1h; open_file_cache max=10; sendfile on; tcp_nopush on;
  client_body_temp_path ${folder}/app-b; proxy_temp_path ${folder}/app-p; fastcgi_temp_path ${folder}/app-f;
  uwsgi_temp_path ${folder}/app-u; scgi_temp_path ${folder}/app-s;
  server {
    listen 0.0.0.0:${appPort} backlog=4096; listen 0.0.0.0:${http2Port} http2 backlog=4096; root ${folder};
    location = ${paths.small} { return 200 "${"x".repeat(32)}"; }
    location = ${paths.large} { }
    location = ${paths.mebibyte} { }
  }
}
`,
  );
  const app = start("application", ["nginx", "-p", folder, "-c", path], { namespace: server.namespace });
  await waitForPort(server.namespace, appPort, app);
  return app;
}
