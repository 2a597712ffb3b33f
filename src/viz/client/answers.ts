/** The shapes of answers, for clients. */
export type { AuthzAnswer } from "../query/authz.ts";
export type { EdgeAnswer } from "../query/edges.ts";
export type { Golden } from "../query/golden.ts";
export type { RouteAnswer } from "../query/routes.ts";
export type { InboundAnswer } from "../query/stat-inbound.ts";
export type { BackendAnswer, OutboundAnswer } from "../query/stat-outbound.ts";
