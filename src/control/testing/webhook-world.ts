/** Webhook programs with a certificate in a directory, asked as an API server does. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateWebhookTls } from "#manifests/trust.ts";
import type { AdmissionRequest } from "#kube/types/admission.ts";

type WebhookTls = ReturnType<typeof generateWebhookTls>;

export interface WebhookAnswer {
  readonly response: {
    readonly uid: string;
    readonly allowed: boolean;
    readonly warnings?: readonly string[];
    readonly patch?: string;
    readonly status?: { readonly message: string; readonly code: number };
  };
}

export class WebhookWorld {
  readonly directory = mkdtempSync(join(tmpdir(), "webhook-"));
  readonly service: string;
  tls: WebhookTls;

  constructor(service: string) {
    this.service = service;
    this.tls = this.renew();
  }

  /** Writes a new certificate. */
  renew(): WebhookTls {
    this.tls = generateWebhookTls(this.service, "linkerd", Date.now());
    writeFileSync(join(this.directory, "tls.crt"), this.tls.certPem);
    writeFileSync(join(this.directory, "tls.key"), this.tls.keyPem);
    return this.tls;
  }

  post(port: number, body: string, tls = this.tls): Promise<Response> {
    const host = `${this.service}.linkerd.svc`;
    return fetch(`https://127.0.0.1:${port}/`, {
      method: "POST",
      body,
      tls: { ca: tls.caPem, serverName: host },
      headers: { host },
      keepalive: false,
    });
  }

  async review(port: number, request: AdmissionRequest): Promise<WebhookAnswer["response"]> {
    const response = await this.post(port, reviewOf(request));
    if (response.status !== 200) throw new Error(`status ${response.status}: ${await response.text()}`);
    return ((await response.json()) as WebhookAnswer).response;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true });
  }
}

export function reviewOf(request: AdmissionRequest): string {
  return JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request });
}

/** Values that are not what a program expects somewhere. */
const odd = [null, true, -1, 1e300, "", "\u0000", [], [[]], {}, { constructor: 1 }, { __proto__: null }] as const;

/** `text` with one random member replaced by something odd; for programs that must not mind. */
export function spoil(value: unknown, next: () => number): unknown {
  const copy = structuredClone(value);
  const places: Array<readonly [Record<string, unknown>, string]> = [];
  const walk = (at: unknown): void => {
    if (typeof at !== "object" || at === null) return;
    for (const key of Object.keys(at)) {
      places.push([at as Record<string, unknown>, key]);
      walk((at as Record<string, unknown>)[key]);
    }
  };
  walk(copy);
  const place = places[Math.floor(next() * places.length)];
  if (place !== undefined) place[0][place[1]] = odd[Math.floor(next() * odd.length)];
  return copy;
}

/**
 * Asks over and over, and says how long answers take: wall time at the 99th percentile, which a busy machine stretches, and CPU
 * time of client and server together, which it doesn't. Both in ms.
 */
export async function measure(times: number, ask: () => Promise<unknown>): Promise<{ p99: number; cpu: number }> {
  const walls: number[] = [];
  const before = process.cpuUsage();
  for (let index = 0; index < times; index++) {
    const started = performance.now();
    await ask();
    walls.push(performance.now() - started);
  }
  const { user, system } = process.cpuUsage(before);
  const p99 = walls.toSorted((a, b) => a - b)[Math.floor(times * 0.99)] ?? 0;
  return { p99, cpu: (user + system) / 1000 / times };
}
