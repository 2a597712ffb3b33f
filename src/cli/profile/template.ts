/** A commented ServiceProfile to start from. */
import { type ProfileTarget, profileName } from "./profile.ts";

export function profileTemplate(target: ProfileTarget): string {
  return `# ServiceProfile of ${target.service} in ${target.namespace}: one entry for each kind of request that is to be told apart
apiVersion: linkerd.io/v1alpha2
kind: ServiceProfile
metadata:
  name: ${profileName(target)}
  namespace: ${target.namespace}
spec:
  # The first route whose condition a request meets is its route: metrics are counted by it.
  routes:
  - name: '/authors/{id}'
    condition:
      # A regular expression for the whole path, and a method. All that is given must hold.
      pathRegex: '/authors/\\d+'
      method: POST
      # Conditions combine by all, any and not:
      # any:
      # - all:
      #   - method: POST
      #   - pathRegex: '/authors/\\d+'
      # - not:
      #     method: DELETE

    # Set this only where a request may be sent twice without harm.
    # isRetryable: true

    # The request is given up after this time; 10s when nothing is said.
    # timeout: 250ms

    # Which answers count as failures: those of 500 and above when nothing is said.
    responseClasses:
    - condition:
        # min or max alone means just that status. all, any and not combine here, too.
        status:
          min: 500
          max: 599
      isFailure: true

  # How many retries all routes together may add to the requests that come in.
  # retryBudget:
  #   # at most this part of the requests, here 20%,
  #   retryRatio: 0.2
  #   # but always these, so that rare requests can be retried as well,
  #   minRetriesPerSecond: 10
  #   # counted over this time.
  #   ttl: 10s
`;
}
