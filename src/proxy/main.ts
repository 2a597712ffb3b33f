/** `linkerd proxy`: the process of the data plane: settings, signals, exit codes. */
import { systemClock } from "#lib/clock.ts";
import { MeshError, errorChain } from "#lib/errors.ts";
import { createLog, stderrSink, type Log } from "#lib/log.ts";
import type { Registry } from "#lib/metrics/registry.ts";
import { activity } from "#lib/net/bun-socket.ts";
import { maxConnections } from "#lib/net/open-files.ts";
import { systemRandom } from "#lib/random.ts";
import { startProxy } from "./app.ts";
import { siblingVariable } from "./workers/messages.ts";
import { CollectorPace } from "./collector.ts";
import { badConfigExitCode, readConfig, type ProxyConfig } from "./config.ts";
import { applyRuntimeOptions } from "./runtime-options.ts";

/** Runs until SIGTERM or SIGINT and the drain after it. A second signal ends it at once. */
export async function main(_argv: readonly string[]): Promise<number> {
  const untuned = applyRuntimeOptions(process.env);
  let config: ProxyConfig;
  try {
    config = readConfig(process.env);
  } catch (thrown) {
    if (!(thrown instanceof MeshError)) throw thrown;
    process.stderr.write(`Invalid configuration:\n${thrown.message}\n`);
    return badConfigExitCode;
  }
  const sink = stderrSink(config.log.filter, config.log.format);
  const log = createLog(sink);
  if (untuned !== null) log.warn("The runtime can't be told to save memory", { reason: untuned });
  activity.observer = new CollectorPace(systemClock);
  const signal = nextSignal();
  const first = process.env[siblingVariable] === undefined;
  // The code is for those who ask for more than one core.
  const siblings =
    first && config.workers > 1
      ? new (await import("./workers/siblings.ts")).Siblings({
          count: config.workers - 1,
          clock: systemClock,
          log: log.child("workers"),
          env: process.env,
        })
      : null;
  let proxy: ReturnType<typeof startProxy>;
  try {
    const env = Object.fromEntries(
      Object.entries(process.env).filter((entry): entry is [string, string] => {
        return entry[0].startsWith("LINKERD2_PROXY_") && entry[1] !== undefined;
      }),
    );
    const { accessLog: format } = config.inbound;
    const accessLog =
      format === null ? null : (await import("./telemetry/access-log.ts")).stderrAccessLog(format, systemClock);
    const workers = config.workers > 1 ? { count: config.workers, siblings } : null;
    const shared = { clock: systemClock, random: systemRandom, maxConnections: maxConnections(), workers };
    const startTap = config.tap === null ? null : (await import("./tap/tap-server.ts")).startTap;
    const startTracing = config.tracing === null ? null : (await import("./tracing/tracing.ts")).startTracing;
    const context = { ...shared, sink, env, accessLog, startTap, startTracing };
    proxy = startProxy(config, context);
    await proxy.started;
    siblings?.start();
  } catch (thrown) {
    await siblings?.stop("SIGKILL");
    process.stderr.write(`The proxy can't start: ${errorChain(thrown)}\n`);
    return thrown instanceof MeshError && thrown.code === "invalid-argument" ? badConfigExitCode : 1;
  }
  guard(log.child("bug"), proxy.registry);
  if (!first)
    (await import("./workers/sibling.ts")).serveFirst({ ...proxy, sink }, () => {
      // Whoever could tell us to drain is gone.
      process.exit(1);
    });
  const why = await Promise.race([signal, proxy.shutdownAsked.then(() => "POST /shutdown")]);
  log.info("Shutting down", { reason: why });
  const drained = Promise.all([proxy.drain(), siblings?.stop("SIGTERM")]);
  await Promise.race([drained, nextSignal()]);
  await siblings?.stop("SIGKILL");
  proxy.close();
  return 0;
}

function nextSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => resolve(name));
  });
}

/** A bug in one connection must not take the others down: it is logged, counted, and the process lives on. */
function guard(log: Log, registry: Registry): void {
  const counter = registry.counter("proxy_unhandled_errors_total", "Errors that no code expected: every one is a bug");
  process.on("uncaughtException", (thrown) => {
    counter.cell({ kind: "exception" }).value++;
    log.error("An exception was not handled", {}, thrown);
    if (log.enabled("debug") && thrown instanceof Error) log.debug(thrown.stack ?? "");
  });
  process.on("unhandledRejection", (thrown) => {
    counter.cell({ kind: "rejection" }).value++;
    log.error("A rejection was not handled", {}, thrown);
    if (log.enabled("debug") && thrown instanceof Error) log.debug(thrown.stack ?? "");
  });
}
