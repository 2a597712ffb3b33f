/** The `process_*` families that Prometheus client libraries share, read from /proc (proc(5)) when rendered. */
import { openFileLimit } from "../net/open-files.ts";
import { readSmallFile } from "../small-files.ts";
import type { Registry } from "./registry.ts";

/** Clock ticks per second in /proc/self/stat; 100 on every Linux that runs containers. */
const ticks = 100;

/** Registers the families. `startedAt`: ms since 1970. Families that this system can't tell are left out. */
export function registerProcessMetrics(registry: Registry, startedAt: number): void {
  registry
    .gauge("process_start_time_seconds", "Time that the process started, in seconds since the UNIX epoch")
    .cell().value = Math.round(startedAt / 1000);
  const uptime = registry.counter("process_uptime_seconds_total", "Seconds that the process has been running");
  const cpu = registry.counter("process_cpu_seconds_total", "User and system CPU time spent in seconds");
  const resident = registry.gauge("process_resident_memory_bytes", "Resident memory size in bytes");
  const virtual = registry.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes");
  const fds = registry.gauge("process_open_fds", "Number of open file descriptors");
  const maxFds = registry.gauge("process_max_fds", "Maximum number of open file descriptors");
  const threads = registry.gauge("process_threads", "Number of OS threads in the process");
  registry.onCollect(() => {
    uptime.cell().value = Math.max(0, Math.round(process.uptime()));
    try {
      const stat = Buffer.from(readSmallFile("/proc/self/stat")).toString("latin1");
      // The command (field 2) may hold spaces and parentheses; counting starts after its last one.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      cpu.cell().value = (Number(fields[11]) + Number(fields[12])) / ticks;
      threads.cell().value = Number(fields[17]);
      virtual.cell().value = Number(fields[20]);
      resident.cell().value = Number(fields[21]) * 4096;
      // The folder's size is its count of entries since Linux 6.2 and 0 before; the listing itself holds one descriptor.
      const listed = (): number => process.getBuiltinModule("node:fs").readdirSync("/proc/self/fd").length - 1;
      fds.cell().value = Bun.file("/proc/self/fd").size || listed();
      maxFds.cell().value = openFileLimit();
    } catch {
      // Not Linux or no /proc: what could not be read stays absent, which is what a reader expects of an optional family.
      const usage = process.memoryUsage();
      resident.cell().value = usage.rss;
    }
  });
}
