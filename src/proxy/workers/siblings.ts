/**
 * More processes of the same proxy, for more than one core. Each is a whole proxy with the same settings, listening on the
 * same ports (SO_REUSEPORT: the kernel deals connections out); only the first has the admin port, and answers there for all.
 * One that ends by itself is started again. When the first one ends, in whatever way, so do the others.
 */
import type { Clock, Timer } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import { ownCommandLine } from "#lib/small-files.ts";
import { hello, isAnswer, siblingVariable, type Ask, type Question } from "./messages.ts";

/** How long a sibling may take for an answer, ms. */
const patience = 2000;
/** A sibling that ends by itself is started again after so long, ms. */
const restartDelay = 1000;

export interface SiblingOptions {
  readonly count: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The program and its arguments; default: what this process was started with. */
  readonly command?: readonly string[];
}

interface Waiting {
  readonly resolve: (text: string) => void;
  readonly reject: (error: MeshError) => void;
  readonly timer: Timer;
}

class Sibling {
  private readonly options: SiblingOptions;
  private readonly number: number;
  private readonly waiting = new Map<number, Waiting>();
  private child: Bun.Subprocess<"ignore", "inherit", "inherit"> | null = null;
  private listens = false;
  private next = 0;
  private stopping = false;
  restarts = 0;

  constructor(options: SiblingOptions, number: number) {
    this.options = options;
    this.number = number;
  }

  start(): void {
    const { env, log, clock } = this.options;
    this.child = Bun.spawn([...(this.options.command ?? ownCommand())], {
      env: { ...env, [siblingVariable]: String(this.number) },
      stdio: ["ignore", "inherit", "inherit"],
      ipc: (message: unknown) => this.onMessage(message),
      onExit: (_child, code, signal) => {
        this.child = null;
        this.listens = false;
        for (const { reject } of [...this.waiting.values()]) reject(gone(this.number));
        if (this.stopping) return;
        this.restarts++;
        log.error("A worker ended by itself and is started again", { worker: this.number, code, signal });
        clock.after(restartDelay, () => {
          if (!this.stopping) this.start();
        });
      },
    });
  }

  private onMessage(message: unknown): void {
    if (!isAnswer(message)) return;
    if (message.id === hello) this.listens = true;
    this.waiting.get(message.id)?.resolve(message.text);
  }

  ask(question: Question): Promise<string> {
    const { child } = this;
    if (child === null || !this.listens) return Promise.reject(gone(this.number));
    const id = this.next++;
    return new Promise<string>((resolve, reject) => {
      const timer = this.options.clock.after(patience, () => reject(gone(this.number)));
      this.waiting.set(id, { resolve, reject, timer });
      try {
        child.send({ id, ...question } satisfies Ask);
      } catch {
        // Its channel closes a moment before its end is heard of.
        reject(gone(this.number));
      }
    }).finally(() => {
      this.waiting.get(id)?.timer.cancel();
      this.waiting.delete(id);
    });
  }

  /** Resolves when it has ended. */
  async stop(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.stopping = true;
    const { child } = this;
    if (child === null) return;
    child.kill(signal);
    await child.exited;
  }
}

function gone(number: number): MeshError {
  return new MeshError("unavailable", `Worker ${number} does not answer`);
}

/** The same program with the same arguments. */
function ownCommand(): string[] {
  return [process.execPath, ...ownCommandLine().slice(1)];
}

export class Siblings {
  private readonly all: readonly Sibling[];

  constructor(options: SiblingOptions) {
    this.all = Array.from({ length: options.count }, (_, index) => new Sibling(options, index + 1));
  }

  /** After the first process has its key and its ports. */
  start(): void {
    for (const sibling of this.all) sibling.start();
  }

  /** Each one's metrics as text. Rejects when one does not answer: without it sums would be wrong. */
  metrics(): Promise<string[]> {
    return Promise.all(this.all.map((sibling) => sibling.ask({ ask: "metrics" })));
  }

  /** What is missing before all can serve. */
  async missing(): Promise<string[]> {
    const texts = await Promise.all(
      this.all.map((sibling) => sibling.ask({ ask: "missing" }).catch((error: MeshError) => error.message)),
    );
    return texts.flatMap((text) => text.split(", ")).filter((part) => part !== "");
  }

  async setLogFilter(filter: string): Promise<void> {
    await Promise.all(this.all.map((sibling) => sibling.ask({ ask: "log", filter })));
  }

  get restarts(): number {
    return this.all.reduce((sum, sibling) => sum + sibling.restarts, 0);
  }

  /** SIGTERM: they drain, each for its grace period. Resolves when all have ended. */
  async stop(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    await Promise.all(this.all.map((sibling) => sibling.stop(signal)));
  }
}
