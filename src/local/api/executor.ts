/** What the API server asks of the node about a running pod. The node implements it; the API server does the HTTP side. */
import type { KubeObject } from "../store/object.ts";

/** Query of `kubectl logs` (Kubernetes API, PodLogOptions). */
export interface LogOptions {
  /** Always set: the API server fills in the pod's only (or default) container. */
  readonly container: string;
  readonly follow: boolean;
  /** The log of the container's previous run. */
  readonly previous: boolean;
  /** Prefix every line with its RFC 3339 time. */
  readonly timestamps: boolean;
  /** Only the last n lines; null: all. */
  readonly tailLines: number | null;
  /** Only lines at or after this time, ms since 1970; null: all. */
  readonly since: number | null;
  /** Stop after so many bytes; null: no limit. */
  readonly limitBytes: number | null;
}

/** Receives a log. */
export interface LogSink {
  /** @returns false when the reader is behind: stop until `onDrain` of the {@link LogStream} is called. */
  write(chunk: Uint8Array): boolean;
  /** The log is complete (never called for a running container that is followed). */
  end(): void;
}

/** A log being read. */
export interface LogStream {
  /** The reader has room again after `write` answered false. */
  onDrain(): void;
  /** The reader is gone. No `write` or `end` afterwards. */
  cancel(): void;
}

/** Query of `kubectl exec` and `kubectl attach`. */
export interface ExecOptions {
  readonly container: string;
  readonly command: readonly string[];
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** How a command ended: with an exit code, or because it could not be run. */
export type ExecResult =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "failed"; readonly message: string };

/** Receives what a command writes. With a tty everything comes on `stdout`. */
export interface ExecSink {
  stdout(chunk: Uint8Array): void;
  stderr(chunk: Uint8Array): void;
  /** Exactly once, last. */
  end(result: ExecResult): void;
}

/** A running command. */
export interface ExecSession {
  stdin(chunk: Uint8Array): void;
  closeStdin(): void;
  resize(columns: number, rows: number): void;
  /** The caller is gone: kill the command. `end` need not be called. */
  cancel(): void;
}

/** Receives what comes from a port inside a pod. */
export interface ForwardSink {
  data(chunk: Uint8Array): void;
  /** The pod's side finished sending or the connection broke (`error` is then a message for the user). Exactly once, last. */
  end(error: string | null): void;
}

/** A connection to a port inside a pod's network namespace (to localhost there, as the kubelet does). */
export interface ForwardConnection {
  /** Bytes for the pod; the implementation queues at most 1 MiB and cancels itself (`end` with a message) beyond. */
  write(chunk: Uint8Array): void;
  /** The caller finished sending. */
  shutdown(): void;
  /** Stops and restarts `data`. */
  pause(): void;
  resume(): void;
  /** The caller is gone. */
  cancel(): void;
}

/**
 * Methods start work and return at once; a pod or container that isn't there is a thrown MeshError ("not-found",
 * "unavailable", "invalid-argument") whose message the user reads.
 */
export interface NodeExecutor {
  logs(pod: KubeObject, options: LogOptions, sink: LogSink): LogStream;
  exec(pod: KubeObject, options: ExecOptions, sink: ExecSink): ExecSession;
  forward(pod: KubeObject, port: number, sink: ForwardSink): ForwardConnection;
}
