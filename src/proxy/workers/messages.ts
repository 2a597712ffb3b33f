/** What the first process of a proxy and its siblings say to each other, by the runtime's channel between processes. */

/** Tells a process that it is a sibling: its number, from 1 on. */
export const siblingVariable = "LINKERD_PROXY_SIBLING";

/** The number of what a sibling says first: from then on it hears what it is asked. */
export const hello = -1;

export type Question = { readonly ask: "metrics" | "missing" } | { readonly ask: "log"; readonly filter: string };

export type Ask = Question & { readonly id: number };

/** The answer to what has the same number: metrics as text, what is missing before it can serve, or "". */
export interface Answer {
  readonly id: number;
  readonly text: string;
}

export function isAsk(message: unknown): message is Ask {
  return isNumbered(message) && "ask" in message;
}

export function isAnswer(message: unknown): message is Answer {
  return isNumbered(message) && "text" in message && typeof message.text === "string";
}

function isNumbered(message: unknown): message is { readonly id: number } {
  return typeof message === "object" && message !== null && "id" in message && typeof message.id === "number";
}
