/** `linkerd controller PROGRAM`: runs one program of the control plane until it is told to stop. */
import { systemClock } from "#lib/clock.ts";
import { Drain } from "#lib/drain.ts";
import { MeshError } from "#lib/errors.ts";
import { giveBackMemory } from "#lib/give-back-memory.ts";
import { createLog, type Log, stderrSink } from "#lib/log.ts";
import { registerProcessMetrics } from "#lib/metrics/process.ts";
import { Registry } from "#lib/metrics/registry.ts";
import { systemRandom } from "#lib/random.ts";
import { logSettings } from "./config.ts";
import type { RunningProgram, StartProgram } from "./context.ts";

const programs: Readonly<Record<string, () => Promise<{ start: StartProgram }>>> = {
  destination: async () => ({ start: (await import("./app.ts")).startDestination }),
  policy: async () => ({ start: (await import("./app.ts")).startPolicy }),
  identity: () => import("./identity/app.ts"),
  "sp-validator": () => import("./sp-validator/app.ts"),
  "proxy-injector": () => import("./injector/app.ts"),
};

/** ms that open streams get to end after SIGTERM before they are cut. */
const drainLimit = 10_000;

export async function main(argv: readonly string[]): Promise<number> {
  const [name = "", ...args] = argv;
  const load = Object.hasOwn(programs, name) ? programs[name] : undefined;
  if (load === undefined) {
    throw new MeshError(
      "invalid-argument",
      `Unknown control plane program "${name}"; use one of ${Object.keys(programs).join(", ")}`,
    );
  }
  const settings = logSettings(args);
  const log = createLog(stderrSink(settings.filter, settings.format), `linkerd::${name}`);
  guard(log);
  const registry = new Registry();
  registerProcessMetrics(registry, Date.now());
  const drain = new Drain();
  const told = new Promise<string>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(signal));
  });
  const { start } = await load();
  const context = { args, env: process.env, clock: systemClock, random: systemRandom, log, registry, drain };
  // Starting can take as long as the API server is away; a signal must be heard meanwhile.
  const running: RunningProgram | null = await Promise.race([start(context), told.then(() => null)]);
  if (running === null) return 0;
  giveBackMemory(systemClock);
  const signal = await told;
  log.info(`Got ${signal}, draining`);
  const drained = drain.start();
  await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, drainLimit))]);
  await running.stop();
  log.info("Stopped");
  return 0;
}

/** A bug in one request must not take the control plane from everybody else. */
function guard(log: Log): void {
  process.on("uncaughtException", (thrown) => log.error("A bug: an exception was not handled", {}, thrown));
  process.on("unhandledRejection", (thrown) => log.error("A bug: a rejection was not handled", {}, thrown));
}
