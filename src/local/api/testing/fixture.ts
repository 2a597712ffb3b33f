/** An API server for tests: in memory, on a fake clock, with the namespaces and accounts that a cluster has. */
import { generateKeyPairSync } from "node:crypto";
import { memoryLog } from "#lib/log.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { Store } from "../../store/store.ts";
import { createApi } from "../app.ts";
import type { Api, ApiOptions } from "../app.ts";
import { resources } from "../resource-ref.ts";

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

/** A P-256 key for tokens, made once per test process. */
export const testKeyPem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();

export interface Fixture {
  readonly api: Api;
  readonly store: Store;
  readonly clock: FakeClock;
  readonly lines: string[];
}

/** With the namespace "default" and its service account. */
export async function createFixture(options: Partial<ApiOptions> = {}): Promise<Fixture> {
  const clock = new FakeClock();
  const store = options.store ?? new Store();
  const { log, lines } = memoryLog();
  const api = await createApi({ store, clock, log, tokenKeyPem: testKeyPem, ...options });
  await api.client.create(resources.serviceAccounts, {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: "default", namespace: "default" },
  });
  return { api, store, clock, lines };
}

/** A pod in "default" with one container. */
export function podObject(name: string, extra: Record<string, unknown> = {}) {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", labels: { app: name } },
    spec: { containers: [{ name: "main", image: "app:1" }], ...extra },
  };
}
