/** How long the executable takes from its start to its first answer. */
import { MeshError } from "#lib/errors.ts";

/** Milliseconds, the middle one of `runs`. */
export interface StartTimes {
  /** `linkerd version --client`, until it has ended. */
  readonly command: number;
  /** `linkerd proxy`, until its admin port answers /live. */
  readonly proxy: number;
}

const proxyEnv = {
  LINKERD2_PROXY_DESTINATION_SVC_ADDR: "localhost.:1",
  LINKERD2_PROXY_INBOUND_LISTEN_ADDR: "127.0.0.1:0",
  LINKERD2_PROXY_OUTBOUND_LISTEN_ADDR: "127.0.0.1:0",
  LINKERD2_PROXY_ADMIN_LISTEN_ADDR: "127.0.0.1:0",
};

export async function startTimes(executable: string, runs = 5): Promise<StartTimes> {
  const commands: number[] = [];
  const proxies: number[] = [];
  for (let run = 0; run < runs; run++) {
    commands.push(await commandTime(executable));
    proxies.push(await proxyTime(executable));
  }
  return { command: middle(commands), proxy: middle(proxies) };
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

async function commandTime(executable: string): Promise<number> {
  const began = performance.now();
  const child = Bun.spawn([executable, "version", "--client"], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  if ((await child.exited) !== 0) throw new MeshError("internal", `"${executable} version --client" failed`);
  return performance.now() - began;
}

async function proxyTime(executable: string): Promise<number> {
  const began = performance.now();
  const child = Bun.spawn([executable, "proxy"], { stdin: "ignore", stdout: "ignore", stderr: "pipe", env: proxyEnv });
  const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  try {
    let log = "";
    for await (const chunk of child.stderr) {
      log += Buffer.from(chunk).toString();
      const port = /\badmin=(\d+)/.exec(log)?.[1];
      if (port === undefined) continue;
      const answer = await fetch(`http://127.0.0.1:${port}/live`);
      if (!answer.ok) throw new MeshError("internal", `The proxy's /live answers ${answer.status}`);
      return performance.now() - began;
    }
    throw new MeshError("internal", `The compiled proxy ended at its start: ${log.trim()}`);
  } finally {
    clearTimeout(timer);
    child.kill("SIGKILL");
    await child.exited;
  }
}
