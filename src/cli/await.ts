/**
 * `linkerd await`: holds back the containers behind a proxy that is no native sidecar. It runs as the proxy container's
 * postStart hook, asks the proxy's `/ready` until it says yes, and ends. It is started once per pod, so it loads nothing
 * of the command line.
 */
import { MeshError } from "#lib/errors.ts";
import { parseDuration } from "#lib/duration.ts";

export interface AwaitSettings {
  /** Admin port of the proxy. Default 4191. */
  readonly port: number;
  /** ms until giving up; 0: never. Default 2 minutes. */
  readonly timeout: number;
  /** ms between two questions. Default 100. */
  readonly backoff: number;
}

/** Longest wait for one answer, ms. */
const answerTimeout = 1000;

const usage = `Usage: linkerd await [--port=4191] [--timeout=2m] [--backoff=100ms]

Waits until the proxy beside it is ready; exit code 1 when it is not in time.`;

/** Reads `--port=4191 --timeout=2m --backoff=100ms`; each value may also be the next word. */
export function awaitSettings(argv: readonly string[]): AwaitSettings {
  const settings = { port: 4191, timeout: 120_000, backoff: 100 };
  const words = argv.flatMap((word) =>
    /^--\w+=/.test(word) ? [word.split("=")[0]!, word.replace(/^--\w+=/, "")] : [word],
  );
  for (let at = 0; at < words.length; at += 2) {
    const [flag = "", value = ""] = words.slice(at, at + 2);
    if (flag === "--port") settings.port = portOf(value);
    else if (flag === "--timeout") settings.timeout = durationOf(flag, value);
    else if (flag === "--backoff") settings.backoff = Math.max(10, durationOf(flag, value));
    else throw new MeshError("invalid-argument", `Unknown flag "${flag}"; use --port, --timeout or --backoff`);
  }
  return settings;
}

function portOf(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65535) return port;
  throw new MeshError("invalid-argument", `Flag --port has the value "${text}"; use a port from 1 to 65535`);
}

function durationOf(flag: string, text: string): number {
  const duration = parseDuration(text);
  if (duration !== null) return duration;
  throw new MeshError("invalid-argument", `Flag ${flag} has the value "${text}"; use a duration such as 2m or 500ms`);
}

/** Resolves when the proxy is ready. Throws "timeout" with what the proxy said last. */
export async function awaitReady(settings: AwaitSettings): Promise<void> {
  const deadline = settings.timeout === 0 ? Number.POSITIVE_INFINITY : performance.now() + settings.timeout;
  for (;;) {
    const said = await ask(settings.port);
    if (said === null) return;
    if (performance.now() + settings.backoff >= deadline) {
      throw new MeshError("timeout", `The proxy at port ${settings.port} did not get ready in time: ${said}`);
    }
    await Bun.sleep(settings.backoff);
  }
}

/** Null when the proxy is ready, else why not. */
async function ask(port: number): Promise<string | null> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/ready`, { signal: AbortSignal.timeout(answerTimeout) });
    await answer.body?.cancel();
    return answer.ok ? null : `it answered with status ${answer.status}`;
  } catch (error) {
    const slow = error instanceof Error && error.name === "TimeoutError";
    return slow ? `it did not answer within ${answerTimeout} ms` : "nothing listens there";
  }
}

/** The program: exit code 0 when the proxy is ready. `LINKERD_AWAIT_DISABLED` lets it end at once. */
export async function main(argv: string[]): Promise<number> {
  if (argv.includes("--help") || argv.includes("-h")) {
    console.log(usage);
    return 0;
  }
  if ((process.env["LINKERD_AWAIT_DISABLED"] ?? "") !== "") return 0;
  await awaitReady(awaitSettings(argv));
  return 0;
}
