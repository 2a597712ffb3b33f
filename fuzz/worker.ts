/**
 * Executes a target without end in a thread of its own, so that an execution that never returns can be seen and ended. Shared:
 * [0] the number of the execution under way, [1] how many were done.
 */
import { Executor } from "./execute.ts";
import { targets } from "./targets/all.ts";
import { faulty } from "./testing/faulty.ts";

export interface Job {
  readonly target: string;
  readonly seed: number;
  readonly from: number;
  readonly to: number;
  readonly shared: SharedArrayBuffer;
}

export type Report =
  | { readonly kind: "done" }
  | { readonly kind: "crash"; readonly execution: number; readonly message: string };

declare const self: {
  onmessage: (event: { readonly data: Job }) => void;
  postMessage(report: Report): void;
};

self.onmessage = ({ data }) => {
  const executor = new Executor([...targets, faulty].find(({ name }) => name === data.target)!);
  const counters = new Int32Array(data.shared);
  for (let execution = data.from; execution < data.to; execution++) {
    Atomics.store(counters, 0, execution);
    try {
      executor.run(data.seed, execution);
    } catch (thrown) {
      const message = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
      self.postMessage({ kind: "crash", execution, message: message.slice(0, 2000) });
    }
    Atomics.add(counters, 1, 1);
  }
  self.postMessage({ kind: "done" });
};
