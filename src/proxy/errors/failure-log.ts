/** Tells the log of requests and connections that the proxy could not serve: the first ones, then how many more there were. */
import type { Clock } from "#lib/clock.ts";
import type { Log } from "#lib/log.ts";

/** Lines in a span of time; more would only say the same again, at the CPU's cost when it has the least. */
const mostLines = 10;
/** ms */
const span = 10_000;

export class FailureLog {
  private readonly log: Log;
  private readonly clock: Clock;
  private lines = 0;
  private unsaid = 0;
  private running = false;

  constructor(log: Log, clock: Clock) {
    this.log = log;
    this.clock = clock;
  }

  /** `what`: "Request failed". `error`: as the metrics label it; `message`: what the client is told, if anything. */
  add(what: string, error: string, message: string): void {
    if (this.lines >= mostLines) {
      this.unsaid++;
      return;
    }
    this.lines++;
    this.log.info(what, { error, message });
    if (this.running) return;
    this.running = true;
    this.clock.after(span, () => this.endSpan());
  }

  private endSpan(): void {
    this.running = false;
    this.lines = 0;
    if (this.unsaid > 0) this.log.info("More requests or connections failed", { count: this.unsaid });
    this.unsaid = 0;
  }
}
