/** A socket handler that writes down what happens, for tests. */
import type { MeshError } from "../../errors.ts";
import type { Socket, SocketHandler } from "../socket.ts";

export class Recorder implements SocketHandler {
  /** "data:abc", "end", "close", "close:connection-reset" in order; chunks that follow each other are joined. */
  readonly events: string[] = [];
  received = 0;
  drains = 0;
  error: MeshError | null = null;
  /** Called after each event; tests wait with {@link until}. */
  private waiting: Array<{ readonly when: (recorder: Recorder) => boolean; readonly resolve: () => void }> = [];
  private readonly keepText: boolean;

  /** `keepText` false only counts bytes. */
  constructor(keepText = true) {
    this.keepText = keepText;
  }

  onData(_socket: Socket, chunk: Buffer): void {
    this.received += chunk.length;
    if (this.keepText) {
      const last = this.events.at(-1);
      if (last?.startsWith("data:") === true) this.events[this.events.length - 1] = last + chunk.toString("latin1");
      else this.events.push(`data:${chunk.toString("latin1")}`);
    }
    this.check();
  }

  onDrain(): void {
    this.drains++;
    this.check();
  }

  onEnd(): void {
    this.events.push("end");
    this.check();
  }

  onClose(_socket: Socket, error: MeshError | null): void {
    this.error = error;
    this.events.push(error === null ? "close" : `close:${error.code}`);
    this.check();
  }

  get closed(): boolean {
    return this.events.some((event) => event.startsWith("close"));
  }

  /** Resolves when the condition holds; the test's own timeout is the deadline. */
  until(when: (recorder: Recorder) => boolean): Promise<void> {
    if (when(this)) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiting.push({ when, resolve });
    });
  }

  private check(): void {
    const ready = this.waiting.filter((entry) => entry.when(this));
    this.waiting = this.waiting.filter((entry) => !ready.includes(entry));
    for (const entry of ready) entry.resolve();
  }
}
