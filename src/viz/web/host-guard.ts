/**
 * Who may ask. A page of another site that points its own name at this address (DNS rebinding) sends that name as Host,
 * so only known hosts are answered; a page of another origin that opens a stream sends Origin or Sec-Fetch-Site.
 * Browsers attach no credentials to the dashboard: being asked by the right page is all there is to check.
 */

export interface HostGuard {
  /** Whether a Host header names this dashboard. */
  allowsHost(host: string | null): boolean;
  /** Whether a request for data comes from the dashboard's own pages, or from no browser at all. */
  allowsOrigin(headers: Headers): boolean;
}

/** Longest Host or Origin that is looked at. */
const longestHost = 255;

/** `host:port` or `host` without the port, in lower case; null when it is none. */
function hostName(host: string): string | null {
  if (host.length === 0 || host.length > longestHost) return null;
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/.exec(host.toLowerCase());
  return match?.[1] ?? null;
}

/**
 * @param hosts names without port, in lower case; IPv6 addresses in brackets.
 * @param pattern further hosts as users gave it in `enforcedHostRegexp`; must match the whole Host including its port.
 */
export function createHostGuard(hosts: readonly string[], pattern: RegExp | null): HostGuard {
  const known = new Set(hosts);
  const allowsHost = (host: string | null): boolean => {
    if (host === null || host.length > longestHost) return false;
    const name = hostName(host);
    if (name !== null && known.has(name)) return true;
    return pattern !== null && pattern.test(host);
  };
  return {
    allowsHost,
    allowsOrigin(headers) {
      const site = headers.get("sec-fetch-site");
      if (site !== null && site !== "same-origin" && site !== "none") return false;
      const origin = headers.get("origin");
      if (origin === null) return true;
      const match = /^https?:\/\/([^/]+)$/.exec(origin.toLowerCase());
      // The same host and port as asked for: a known host on another port is another site.
      return match !== null && match[1] === headers.get("host")?.toLowerCase() && allowsHost(match[1] ?? null);
    },
  };
}

/** The names under which a dashboard is reached: a port-forward, and its Service inside the cluster. */
export function defaultHosts(namespace: string, clusterDomain: string): string[] {
  return [
    "localhost",
    "127.0.0.1",
    "[::1]",
    `web.${namespace}`,
    `web.${namespace}.svc`,
    `web.${namespace}.svc.${clusterDomain}`,
  ];
}

/** The whole-Host expression of a user's text; throws SyntaxError when it is none. */
export function hostPattern(text: string): RegExp {
  return new RegExp(`^(?:${text})$`, "i");
}
