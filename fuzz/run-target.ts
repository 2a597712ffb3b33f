import { saveInput } from "./corpus.ts";
import { Executor } from "./execute.ts";
import type { Target } from "./target.ts";
import type { Job, Report } from "./worker.ts";

export interface Handling {
  /** A single execution takes microseconds; one that takes this long hangs, ms. */
  readonly hang: number;
  /** Keeps an input and says where. */
  readonly keep: typeof saveInput;
}

const usual: Handling = { hang: 5000, keep: saveInput };
/** After so many crashes a target is given up: they are one bug, or the oracle is wrong. */
const maxCrashes = 20;

export interface Limits {
  readonly executions: number;
  /** Of all executions of the target together. */
  readonly seconds: number;
  readonly seed: number;
}

export interface Result {
  readonly name: string;
  readonly executions: number;
  readonly seconds: number;
  readonly crashes: number;
  readonly hangs: number;
  /** What crashed or hung, where it is kept, and why. */
  readonly notes: readonly string[];
}

export async function runTarget(
  target: Target,
  { executions, seconds, seed }: Limits,
  { hang, keep }: Handling = usual,
): Promise<Result> {
  const executor = new Executor(target);
  const start = performance.now();
  const notes: string[] = [];
  let done = 0;
  let crashes = 0;
  let hangs = 0;
  for (let from = 0; from < executions;) {
    const shared = new SharedArrayBuffer(8);
    const counters = new Int32Array(shared);
    const worker = new Worker(new URL("worker.ts", import.meta.url).href);
    const job: Job = { target: target.name, seed, from, to: executions, shared };
    const save = (kind: "crash" | "hang", execution: number, message: string): void => {
      const path = keep(target.name, kind, executor.prepare(seed, execution).input);
      notes.push(`${target.name}: ${kind} at execution ${execution} of seed ${seed}, kept as ${path}\n${message}`);
    };
    let timer: NodeJS.Timeout | undefined;
    const end = await new Promise<"done" | "time" | "hang" | "crashes">((resolve) => {
      worker.onmessage = ({ data }: { readonly data: Report }) => {
        if (data.kind === "done") return resolve("done");
        crashes++;
        save("crash", data.execution, data.message);
        if (crashes >= maxCrashes) resolve("crashes");
      };
      worker.onerror = (event) => {
        crashes++;
        notes.push(`${target.name}: the thread ended: ${event.message}`);
        resolve("crashes");
      };
      let last = -1;
      let since = performance.now();
      timer = setInterval(() => {
        const now = performance.now();
        const executed = Atomics.load(counters, 1);
        if (executed !== last) [last, since] = [executed, now];
        if (now - start > seconds * 1000) resolve("time");
        // The first one waits for the thread to start, too.
        else if (now - since > (executed === 0 ? hang + 10_000 : hang)) resolve("hang");
      }, 100);
      worker.postMessage(job);
    });
    const current = Atomics.load(counters, 0);
    done += Atomics.load(counters, 1);
    clearInterval(timer);
    worker.terminate();
    if (end !== "hang") break;
    hangs++;
    save("hang", current, `It took more than ${hang} ms`);
    from = current + 1;
  }
  return { name: target.name, executions: done, seconds: (performance.now() - start) / 1000, crashes, hangs, notes };
}
