/**
 * `interop.ts rounds [N] | soak [SECONDS]`: gRPC's own interoperability tests (google.golang.org/grpc/interop, client and server)
 * through both proxies, with mutual TLS between them. Default: 100 rounds, 30 minutes.
 */
import { appPorts, server, startPair, type Pair } from "../pair.ts";
import { suiteProgram } from "../programs.ts";

const port = appPorts[1];

/** The cases of grpc-go that need no credentials, but for pick_first_unary, which fails without a proxy as well. */
export const cases = [
  "empty_unary",
  "large_unary",
  "client_streaming",
  "server_streaming",
  "ping_pong",
  "empty_stream",
  "timeout_on_sleeping_server",
  "cancel_after_begin",
  "cancel_after_first_response",
  "status_code_and_message",
  "special_status_message",
  "custom_metadata",
  "unimplemented_method",
  "unimplemented_service",
  "orca_per_rpc",
  "orca_oob",
  "rpc_soak",
  "channel_soak",
] as const;

/** A balancer of the client's own, which reads the load reports. */
const withReports = `--service_config_json=${JSON.stringify({ loadBalancingConfig: [{ test_backend_metrics_load_balancer: {} }] })}`;

export interface InteropPair {
  readonly pair: Pair;
  /** One case; null when it passes, else what its client said. */
  run(name: (typeof cases)[number], more?: readonly string[], limit?: number): Promise<string | null>;
}

export async function startInterop(): Promise<InteropPair> {
  const client = await suiteProgram("interop-client");
  const program = await suiteProgram("interop-server");
  const pair = await startPair();
  await pair.inServer("interop server", [program, `--port=${port}`, "--use_tls=false"], port);
  return {
    pair,
    async run(name, more = [], limit = 60_000) {
      const address = [`--server_host=${server.ip}`, `--server_port=${port}`];
      const special = name.startsWith("orca_")
        ? [withReports]
        : name.endsWith("_soak")
          ? ["--soak_iterations=20", "--soak_overall_timeout_seconds=60"]
          : [];
      const argv = [client, ...address, "--use_tls=false", `--test_case=${name}`, ...special, ...more];
      const { code, output } = await pair.runInClient(argv, limit);
      return code === 0 ? null : `${name} ended with ${code}: ${output.slice(-2000)}`;
    },
  };
}

/** Requests that the server's proxy saw with this client's identity: whether the traffic went where it should. */
export async function requestsOverTls(pair: Pair): Promise<number> {
  const { body } = await pair.ask("in", "/metrics");
  const lines = body.split("\n").filter((line) => line.startsWith("request_total{") && line.includes('tls="true"'));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

async function rounds(count: number): Promise<number> {
  const { pair, run } = await startInterop();
  let failed = 0;
  try {
    for (let round = 1; round <= count; round++) {
      for (const name of cases) {
        const problem = await run(name);
        if (problem === null) continue;
        failed++;
        console.error(`round ${round}: ${problem}`);
      }
      if (round % 10 === 0) console.log(`${round} rounds, ${failed} failures`);
    }
    const requests = await requestsOverTls(pair);
    console.log(`${count} rounds of ${cases.length} cases: ${failed} failures, ${requests} requests by mutual TLS`);
  } finally {
    await pair.stop();
  }
  return failed === 0 ? 0 : 1;
}

/** Calls of gRPC's soak test, 8 at a time on one channel each, and all the cases meanwhile. */
async function soak(seconds: number): Promise<number> {
  const { pair, run } = await startInterop();
  const problems: string[] = [];
  const end = performance.now() + seconds * 1000;
  let turns = 0;
  try {
    const long = async (): Promise<void> => {
      while (performance.now() < end) {
        const left = Math.max(1, Math.min(60, Math.ceil((end - performance.now()) / 1000)));
        const iterations = left * 50;
        const options = [
          `--soak_iterations=${iterations}`,
          "--soak_max_failures=0",
          "--soak_num_threads=1",
          "--soak_min_time_ms_between_rpcs=20",
          "--soak_per_iteration_max_acceptable_latency_ms=5000",
          `--soak_overall_timeout_seconds=${left * 4 + 30}`,
        ];
        const problem = await run("rpc_soak", options, (left * 4 + 60) * 1000);
        if (problem !== null) problems.push(problem);
      }
    };
    const short = async (): Promise<void> => {
      for (; performance.now() < end; turns++) {
        const problem = await run(cases[turns % cases.length]!);
        if (problem !== null) problems.push(problem);
        await Bun.sleep(100);
      }
    };
    await Promise.all([long(), long(), long(), long(), short()]);
    for (const problem of problems) console.error(problem);
    const requests = await requestsOverTls(pair);
    console.log(
      `soak of ${seconds} s: ${problems.length} failures, ${turns} cases, ${requests} requests by mutual TLS`,
    );
  } finally {
    await pair.stop();
  }
  return problems.length === 0 ? 0 : 1;
}

if (import.meta.main) {
  const [verb = "", number = ""] = process.argv.slice(2);
  if (verb === "rounds") process.exit(await rounds(Number(number || 100)));
  if (verb === "soak") process.exit(await soak(Number(number || 1800)));
  console.error("Usage: e2e/suites/interop/interop.ts rounds [N] | soak [SECONDS]");
  process.exit(1);
}
