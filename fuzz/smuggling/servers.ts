/** The servers behind the proxy: each tells the requests it hears and those it refuses, a line each. */
import { closeSync, mkdirSync, openSync, readSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MeshError } from "#lib/errors.ts";
import { freePort } from "#lib/testing/free-port.ts";
import { built } from "../../e2e/kubernetes/build.ts";

export interface Server {
  readonly name: string;
  readonly port: number;
  /** Lines since the last call. */
  take(): string[];
  stop(): Promise<void>;
}

export const serverNames = ["haproxy", "nginx", "node", "go"] as const;
export type ServerName = (typeof serverNames)[number];

/** `folder`: for configuration; removed by the caller. Resolves when it listens. */
export async function startServer(name: ServerName, folder: string): Promise<Server> {
  const port = freePort();
  const argv = await commandOf(name, port, folder);
  const child = Bun.spawn(["setpriv", "--pdeathsig=KILL", ...argv], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const lines: string[] = [];
  let errors = "";
  void readLines(child.stdout, (line) => lines.push(line));
  void readLines(child.stderr, (line) => (errors = `${errors}${line}\n`.slice(-2000)));
  for (let tries = 0; !(await accepts(port)); tries++) {
    if (tries === 100) throw new MeshError("environment", `Starting ${name} failed: ${errors.trim()}`);
    await Bun.sleep(50);
  }
  await Bun.sleep(50);
  lines.length = 0;
  // It writes its log to files only.
  const log = name === "nginx" ? followFile(join(folder, "nginx.log")) : null;
  return {
    name,
    port,
    take: log === null ? () => lines.splice(0) : log.take,
    async stop() {
      log?.close();
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

async function commandOf(name: ServerName, port: number, folder: string): Promise<string[]> {
  switch (name) {
    case "haproxy":
      return ["haproxy", "-db", "-f", written(folder, "haproxy.cfg", haproxyConfig(port))];
    case "nginx":
      mkdirSync(join(folder, "nginx"), { recursive: true });
      return ["nginx", "-p", folder, "-c", written(folder, "nginx.conf", nginxConfig(port, folder))];
    case "node":
      return [Bun.which("node") ?? "node", join(import.meta.dir, "node-server.mjs"), String(port)];
    case "go": {
      const program = { name: "smuggling-server", folder: join(import.meta.dir, "go"), target: ".", ldflags: "" };
      return [await built(program, (text) => console.error(text)), `127.0.0.1:${port}`];
    }
  }
}

function written(folder: string, name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const haproxyConfig = (port: number): string => `global
  nbthread 1
  maxconn 4000
  log stdout format raw local0
defaults
  mode http
  log global
  log-format "seen %ST %r"
  error-log-format "seen %ST %r"
  option dontlognull
  option http-ignore-probes
  timeout client 60s
  timeout http-request 5s
frontend all
  bind 127.0.0.1:${port}
  http-request return status 405 if METH_CONNECT
  http-request return status 200 content-type text/plain string ok
`;

const nginxConfig = (port: number, folder: string): string => `worker_processes 1;
daemon off;
pid ${folder}/nginx.pid;
error_log stderr crit;
events { worker_connections 4000; }
http {
  log_format told 'seen $status $request';
  access_log ${folder}/nginx.log told;
  client_body_temp_path ${folder}/nginx/b; proxy_temp_path ${folder}/nginx/p; fastcgi_temp_path ${folder}/nginx/f;
  uwsgi_temp_path ${folder}/nginx/u; scgi_temp_path ${folder}/nginx/s;
  keepalive_requests 100000000;
  server { listen 127.0.0.1:${port}; location / { return 200 "ok"; } }
}
`;

/** The whole lines that were added to a file since the last call. */
function followFile(path: string): { take(): string[]; close(): void } {
  const file = openSync(path, "r");
  const chunk = Buffer.alloc(65_536);
  let rest = "";
  return {
    take() {
      for (let size; (size = readSync(file, chunk, 0, chunk.length, null)) > 0;)
        rest += chunk.toString("latin1", 0, size);
      const lines = rest.split("\n");
      rest = lines.pop() ?? "";
      return lines;
    },
    close: () => closeSync(file),
  };
}

async function readLines(stream: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder("latin1");
  let rest = "";
  for await (const chunk of stream) {
    const lines = `${rest}${decoder.decode(chunk)}`.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
  }
}

async function accepts(port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } });
    socket.end();
    return true;
  } catch {
    // Not yet.
    return false;
  }
}
