/**
 * What the runtime is told about memory. It reads these variables when it starts and offers no other way, so a proxy that was
 * started without them starts itself again, once, in the same process (15 ms).
 *
 * Together with collector.ts they bring a proxy with 100 busy connections from 22 MB of private memory to about 10 at the
 * same CPU per request; bench/README.md has the steps with their figures.
 */
import { replaceProcess } from "#lib/net/libc.ts";
import { ownCommandLine } from "#lib/small-files.ts";

export const runtimeOptions: Readonly<Record<string, string>> = {
  // Compiled code and bytecode of what ran only at the start is let go of at the next full collections: 3 MB.
  BUN_JSC_useEagerCodeBlockJettisonTiming: "1",
  BUN_JSC_useUnlinkedCodeBlockJettisoning: "1",
  // Only what is really hot is compiled, by one thread, and not by the last tier, whose code is large: 4 MB.
  BUN_JSC_useFTLJIT: "0",
  BUN_JSC_thresholdForJITAfterWarmUp: "20000",
  BUN_JSC_thresholdForOptimizeAfterWarmUp: "100000",
  BUN_JSC_thresholdForOptimizeAfterLongWarmUp: "100000",
  BUN_JSC_thresholdForOptimizeSoon: "100000",
  BUN_JSC_minNumberOfWorklistThreads: "1",
  BUN_JSC_maxNumberOfWorklistThreads: "1",
  // Regular expressions are for settings and for heads that were not seen before: 0.4 MB.
  BUN_JSC_useRegExpJIT: "0",
  // The heap begins small and may grow by 30 % between collections instead of doubling. Less would make large bodies dear:
  // each of their chunks counts as garbage at once.
  BUN_JSC_smallHeapSize: "262144",
  BUN_JSC_smallHeapGrowthFactor: "1.3",
  // No 32 blocks of 16 KiB kept ready for bursts; fewer sizes of cells and blocks that are filled to the end: 0.7 MB.
  BUN_JSC_useWarmUpMarkedBlocks: "0",
  BUN_JSC_sizeClassProgression: "2",
  BUN_JSC_minMarkedBlockUtilization: "0.98",
  // Collections are so short that threads of their own, or for a part of the work, cost more than they save: 0.4 MB.
  BUN_JSC_useConcurrentGC: "0",
  BUN_JSC_numberOfGCMarkers: "1",
};

/** Starts this program again with {@link runtimeOptions}, unless it has them. Answers why not when that is impossible. */
export function applyRuntimeOptions(env: Readonly<Record<string, string | undefined>>): string | null {
  if (process.platform !== "linux") return null;
  // Whoever sets one of them knows better, and a second start must not lead to a third.
  if (Object.keys(runtimeOptions).some((name) => env[name] !== undefined)) return null;
  const kept = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const errno = replaceProcess("/proc/self/exe", ownCommandLine(), { ...Object.fromEntries(kept), ...runtimeOptions });
  return `execve failed with ${errno}`;
}
