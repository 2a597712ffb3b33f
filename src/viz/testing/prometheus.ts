/** A real Prometheus that has given samples and scrapes nothing. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Prometheus {
  readonly url: string;
  stop(): Promise<void>;
}

/** @param text samples with times in OpenMetrics' text format */
export async function startPrometheus(text: string): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), "linkerd-prometheus-"));
  const data = join(folder, "data");
  writeFileSync(join(folder, "samples.txt"), text);
  writeFileSync(join(folder, "prometheus.yml"), "scrape_configs: []\n");
  const filled = Bun.spawnSync(
    ["promtool", "tsdb", "create-blocks-from", "openmetrics", join(folder, "samples.txt"), data],
    { stdout: "ignore", stderr: "pipe" },
  );
  if (filled.exitCode !== 0) throw new Error(`promtool could not read the samples: ${filled.stderr.toString()}`);
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = probe;
  probe.stop();
  const process = Bun.spawn(
    [
      "prometheus",
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${data}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=error",
    ],
    { stdout: "ignore", stderr: "ignore" },
  );
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; ; tries++) {
    const ready = await fetch(`${url}/-/ready`).then(
      (answer) => answer.status === 200,
      () => false,
    );
    if (ready) break;
    if (tries === 200 || process.exitCode !== null) throw new Error("Prometheus did not become ready");
    await Bun.sleep(50);
  }
  return {
    url,
    async stop() {
      process.kill();
      await process.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
