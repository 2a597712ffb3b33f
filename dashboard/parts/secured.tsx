/** Whether an edge is mutual TLS, and with whom, or why not. */
import type { EdgeRow } from "#viz/web/view.ts";

/** The reasons of proxies, in words. */
const reasons: Readonly<Record<string, string>> = {
  not_provided_by_service_discovery: "the server has no proxy",
  no_tls_from_remote: "the client sent none",
  loopback: "within the pod",
  disabled: "switched off",
  internal: "internal",
};

export function plainReason(reason: string | null): string {
  return reason === null ? "" : (reasons[reason] ?? reason.replaceAll("_", " "));
}

export function secureWords(edge: Pick<EdgeRow, "security" | "plainReason">): string {
  switch (edge.security) {
    case "mutual":
      return "mutual TLS";
    case "mixed":
      return "some plaintext";
    case "none":
      return "plaintext";
    default:
      return edge.security satisfies never;
  }
}

export function Secured({ edge }: { edge: EdgeRow }) {
  const title = edge.serverId ?? plainReason(edge.plainReason);
  return (
    <span class={`secured ${edge.security}`} title={title}>
      <svg viewBox="-8 -8 16 16" width="16" height="16" aria-hidden="true">
        <Lock security={edge.security} />
      </svg>
      {secureWords(edge)}
    </span>
  );
}

/** Drawn around 0 0, 12 high. */
export function Lock({ security }: { security: EdgeRow["security"] }) {
  return (
    <g class={`lock ${security}`}>
      <path d={security === "mutual" ? "M-3 -1V-3A3 3 0 0 1 3 -3V-1" : "M-3 -1V-4A3 3 0 0 1 2.8 -5"} />
      <rect x="-4.5" y="-1" width="9" height="7" rx="1.6" />
    </g>
  );
}
