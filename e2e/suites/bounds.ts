/**
 * How far a figure may be from what an idle machine has. CI shares its machine with others, so that latencies there say little;
 * LINKERD_SUITES_STRICT=1 takes the limits as they are. Every figure is printed.
 */
const strict = process.env["LINKERD_SUITES_STRICT"] === "1";

/** The most that p99 may be while something happens, ms. `quiet`: what it is else. */
export const p99Bound = (quiet: number): number => (strict ? 3 * quiet : Math.max(10 * quiet, 1000));

/** The longest answer of an admin port, ms. */
export const adminBound = strict ? 200 : 500;

export const overloadSeconds = strict ? 60 : 10;
