/** Numbers as people read them. A dash stands for "no traffic", never for 0. */

export const dash = "–";

export function percent(share: number | null): string {
  if (share === null) return dash;
  // 99.996 % must not look like no failure at all.
  const value = share < 1 ? Math.min(share * 100, 99.99) : 100;
  return `${value.toFixed(value === 100 ? 0 : 2)} %`;
}

export function perSecond(value: number | null): string {
  if (value === null) return dash;
  if (value >= 10_000) return `${(value / 1000).toFixed(0)}k`;
  if (value >= 1000) return `${(value / 1000).toFixed(1)}k`;
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

export function latency(ms: number | null): string {
  if (ms === null) return dash;
  if (ms >= 10_000) return `${(ms / 1000).toFixed(0)} s`;
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return ms >= 10 || ms === 0 ? `${ms.toFixed(0)} ms` : `${ms.toFixed(1)} ms`;
}

export function bytesPerSecond(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(1)} GB/s`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} MB/s`;
  if (value >= 1000) return `${(value / 1000).toFixed(1)} kB/s`;
  return `${value.toFixed(0)} B/s`;
}

/** How well requests succeed, as the colours of all pages tell it. */
export type Health = "good" | "warn" | "bad" | "idle";

export function health(success: number | null): Health {
  if (success === null) return "idle";
  if (success >= 0.99) return "good";
  return success >= 0.95 ? "warn" : "bad";
}

/** `deployment` → `deployments`, for paths. */
export function plural(kind: string): string {
  return kind.endsWith("y") ? `${kind.slice(0, -1)}ies` : `${kind}s`;
}

export function singular(kind: string): string {
  return kind.endsWith("ies") ? `${kind.slice(0, -3)}y` : kind.replace(/s$/, "");
}
