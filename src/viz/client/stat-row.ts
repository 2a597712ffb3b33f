/** The shape of statistics, for clients. */
export type { StatRow } from "../metrics/stat.ts";
export type { StatRequest } from "../metrics/query.ts";
