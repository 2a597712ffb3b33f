/** What lets a store outlive its process. Calls are synchronous: a write that returned is kept. */
import type { KubeObject } from "./object.ts";

export interface SavedState {
  readonly revision: number;
  readonly objects: ReadonlyArray<{ readonly resource: string; readonly object: KubeObject }>;
}

export interface Persistence {
  load(): SavedState;
  put(resource: string, key: string, object: KubeObject, revision: number): void;
  remove(resource: string, key: string, revision: number): void;
  close(): void;
}
