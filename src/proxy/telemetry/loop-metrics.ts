/**
 * `proxy_event_loop_lag_seconds`: how late the one thread that carries all traffic comes to what is due. A timer looks a few
 * times a second, so a stall shows up when it is longer than the interval, and shorter ones by their share of the time.
 */
import type { Clock, Timer } from "#lib/clock.ts";
import type { Log } from "#lib/log.ts";
import type { Registry } from "#lib/metrics/registry.ts";

/** ms. Four times a second cost a quiet proxy nothing that can be measured. */
const interval = 250;
/** Later than this is worth a line in the log, ms. Linkerd has nothing like it. */
const worthALine = 1000;

/** Seconds. */
const bounds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

/** Looks until the result is called. */
export function watchEventLoop(registry: Registry, clock: Clock, log: Log): () => void {
  const lags = registry.histogram("proxy_event_loop_lag_seconds", "How late the event loop came to a timer", bounds);
  const longest = registry.gauge("proxy_event_loop_lag_max_seconds", "The longest lag since the process started");
  const cells = { lag: lags.cell(), longest: longest.cell() };
  let timer: Timer;
  const look = (): void => {
    const due = clock.now() + interval;
    timer = clock.after(interval, () => {
      const lag = Math.max(0, clock.now() - due);
      cells.lag.observe(lag / 1000);
      if (lag / 1000 > cells.longest.value) cells.longest.value = lag / 1000;
      if (lag >= worthALine) log.warn("The proxy stood still", { lag: `${Math.round(lag)}ms` });
      look();
    });
  };
  look();
  return () => timer.cancel();
}
