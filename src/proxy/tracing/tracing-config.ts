/** Where spans go and what they say of their process. */
import type { Identity } from "#model/identity.ts";

export interface TracingConfig {
  readonly collector: {
    readonly addr: { readonly host: string; readonly port: number };
    /** Who must answer; null means plaintext. */
    readonly identity: Identity | null;
  };
  /** Default "linkerd-proxy". */
  readonly serviceName: string;
  /** Of the process that spans come from, besides those in the files. */
  readonly attributes: ReadonlyArray<readonly [string, string]>;
  /** Files of key="value" lines, as the downward API writes them; "": none. Of annotations only those for telemetry count. */
  readonly labelsFile: string;
  readonly annotationsFile: string;
  /** Of requests that come without a trace, the share for which one begins here. 0, the default: none. */
  readonly startRatio: number;
}
