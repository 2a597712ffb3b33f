/** Asks the metrics API for statistics over whatever way `request` knows to it. */
import { MeshError } from "#lib/errors.ts";
import { writeStatRequest, type StatRequest } from "../metrics/query.ts";
import type { StatRow } from "../metrics/stat.ts";

/** A GET of a path and query at the metrics API. */
export type MetricsRequest = (pathAndQuery: string) => Promise<{ readonly status: number; readonly body: string }>;

export async function fetchStat(request: MetricsRequest, query: StatRequest): Promise<StatRow[]> {
  return await fetchRows<StatRow>(request, "stat", query);
}

/** The rows of one answer: "stat", "edges", "routes" and so on. */
export async function fetchRows<Row>(request: MetricsRequest, answerName: string, query: StatRequest): Promise<Row[]> {
  const answer = await request(`/api/${answerName}?${writeStatRequest(query).toString()}`);
  let body: { readonly rows?: Row[]; readonly error?: string };
  try {
    body = JSON.parse(answer.body) as typeof body;
  } catch (error) {
    throw new MeshError("protocol", `The metrics API sent an answer that is not JSON (status ${answer.status})`, {
      cause: error,
    });
  }
  if (answer.status !== 200 || body.rows === undefined) {
    throw new MeshError(
      "unavailable",
      `The metrics API answered with status ${answer.status}: ${body.error ?? "no reason given"}`,
    );
  }
  return body.rows;
}
