/** What a pod's life needs from the machine, so that the life itself can be tested without one. */
import type { Container, Handler, Pod, Probe } from "../types.ts";
import type { Exit } from "./container-process.ts";
import type { PodFacts } from "./environment.ts";

/** One run of one container. */
export interface ContainerRun {
  /** "linkerd-local://…", unique. */
  readonly id: string;
  readonly exited: Promise<Exit>;
  /** @returns false when there is nobody to signal (yet, or any more). */
  signal(name: NodeJS.Signals): boolean;
  /** What the container left in /dev/termination-log; "" for nothing. */
  terminationMessage(): string;
}

export interface PodRuntime {
  /** Makes network and volumes; called again after a failure. Throws when something isn't there yet. */
  setUp(pod: Pod): Promise<PodFacts>;
  /** Brings volumes up to date after a change. @returns ms since 1970 when it has to be called next. */
  refresh(pod: Pod): Promise<number>;
  /** Starts a container. A thrown MeshError's details.reason is what kubectl shows ("ErrImagePull"). */
  start(pod: Pod, container: Container, attempt: number): Promise<ContainerRun>;
  /** Runs a probe. @returns null for success, else the reason. */
  probe(pod: Pod, container: Container, run: ContainerRun, probe: Probe): Promise<string | null>;
  /** Runs a lifecycle hook. @returns null for success, else the reason. */
  hook(pod: Pod, container: Container, run: ContainerRun, handler: Handler): Promise<string | null>;
  /** Removes network, volumes and file trees. */
  tearDown(): Promise<void>;
}
