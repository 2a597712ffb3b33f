/** ServiceProfiles as `linkerd profile` prints them (linkerd.io/v1alpha2). */
import type { JsonObject } from "#manifests/json.ts";

export interface ProfileTarget {
  readonly service: string;
  readonly namespace: string;
  /** "cluster.local" unless the installation has another. */
  readonly clusterDomain: string;
}

export interface Route {
  readonly name: string;
  readonly method: string;
  readonly pathRegex: string;
  readonly isRetryable?: boolean;
  /** A duration such as "250ms". */
  readonly timeout?: string;
  readonly responseClasses?: ReadonlyArray<{ readonly status: number; readonly isFailure: boolean }>;
}

export function profileName({ service, namespace, clusterDomain }: ProfileTarget): string {
  return `${service}.${namespace}.svc.${clusterDomain}`;
}

export function serviceProfile(target: ProfileTarget, routes: readonly Route[]): JsonObject {
  return {
    apiVersion: "linkerd.io/v1alpha2",
    kind: "ServiceProfile",
    metadata: { name: profileName(target), namespace: target.namespace },
    spec: {
      routes: routes.map(({ name, method, pathRegex, isRetryable, timeout, responseClasses = [] }) => ({
        name,
        condition: { method, pathRegex },
        ...(isRetryable === true ? { isRetryable: true } : {}),
        ...(timeout === undefined ? {} : { timeout }),
        ...(responseClasses.length === 0
          ? {}
          : {
              responseClasses: responseClasses.map(({ status, isFailure }) => ({
                condition: { status: { min: status, max: status } },
                ...(isFailure ? { isFailure: true } : {}),
              })),
            }),
      })),
    },
  };
}

/** Text that a regular expression takes for itself. */
export function escapeRegex(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
