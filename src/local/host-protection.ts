/** Makes the host's file systems read-only in the sandbox's view, so that no container can change a file of the host. */
import { readFileSync } from "node:fs";
import { run } from "./run.ts";

export interface MountLine {
  readonly target: string;
  readonly options: readonly string[];
}

/** Reads /proc/self/mountinfo: target and per-mount options, in mount order (proc(5)). */
export function parseMountinfo(text: string): MountLine[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const fields = line.split(" ");
      const target = (fields[4] ?? "").replace(/\\([0-7]{3})/g, (_, code: string) =>
        String.fromCharCode(Number.parseInt(code, 8)),
      );
      return { target, options: (fields[5] ?? "").split(",") };
    });
}

/** Options that a remount has to repeat: a user namespace may not clear them. */
const kept = new Set(["nosuid", "nodev", "noexec", "noatime", "nodiratime", "relatime"]);
/** Live parts of the system, or our own. */
const untouched = ["/proc", "/sys", "/dev", "/run"];

/** The mounts to make read-only, with their options. `writable`: folders that stay as they are. */
export function protectionPlan(mounts: readonly MountLine[], writable: readonly string[]): MountLine[] {
  const skip = [...untouched, ...writable];
  return mounts
    .filter(
      ({ target, options }) =>
        options.includes("rw") && !skip.some((path) => target === path || target.startsWith(`${path}/`)),
    )
    .map(({ target, options }) => ({
      target,
      options: ["remount", "bind", "ro", ...options.filter((option) => kept.has(option))],
    }));
}

/** @returns what could not be protected, for the log. */
export async function protectHost(writable: readonly string[]): Promise<string[]> {
  for (const path of writable) await run(["mount", "--bind", path, path]);
  const failures: string[] = [];
  for (const { target, options } of protectionPlan(
    parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8")),
    writable,
  )) {
    try {
      await run(["mount", "-o", options.join(","), target]);
    } catch {
      failures.push(target);
    }
  }
  return failures;
}
