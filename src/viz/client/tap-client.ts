/**
 * Asks the tap API through the Kubernetes API server, which checks who asks, and reads its lines. Used by the command line;
 * programs in the cluster use it with their own ServiceAccount, bound to the ClusterRole `linkerd-NAMESPACE-tap-admin`.
 */
import { MeshError } from "#lib/errors.ts";
import type { KubeClient } from "#kube/client.ts";
import { tapBody, tapPath, type TapRequest } from "./tap-request.ts";
import type { TapLine } from "./tap-event.ts";

/** Bytes of one line at most; headers are in it. */
const longestLine = 1024 * 1024;

/**
 * Live requests as lines, until the signal or the server ends them. Reading slower than they come makes the server leave
 * requests out (`dropped`). Throws "permission-denied" without the right, "not-found" where tap is not installed or nothing is
 * selected, "invalid-argument".
 */
export async function* openTap(
  client: Pick<KubeClient, "request">,
  request: TapRequest,
  signal: AbortSignal,
): AsyncGenerator<TapLine> {
  const { kind, name, namespace } = request.resource;
  const what = `${name === null ? `all of kind ${kind}` : `${kind} "${name}"`}${namespace === null ? "" : ` in namespace "${namespace}"`}`;
  let response: Response;
  try {
    response = await client.request("POST", tapPath(request.resource), {
      action: `tap ${what}`,
      body: tapBody(request),
      timeout: 0,
      signal,
    });
  } catch (thrown) {
    if (signal.aborted) return;
    throw thrown;
  }
  if (response.body === null) throw new MeshError("protocol", `Failed to tap ${what}: the answer has no body`);
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      rest += decoder.decode(chunk, { stream: true });
      let from = 0;
      for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n", from)) {
        const line = rest.slice(from, end);
        from = end + 1;
        if (line.trim() !== "") yield parse(line);
      }
      rest = rest.slice(from);
      if (rest.length > longestLine)
        throw new MeshError("protocol", `Tap sent a line of more than ${longestLine} bytes`);
    }
  } catch (thrown) {
    if (signal.aborted) return;
    if (thrown instanceof MeshError) throw thrown;
    throw new MeshError("connection-reset", `The tap of ${what} broke`, { cause: thrown });
  }
}

function parse(line: string): TapLine {
  try {
    return JSON.parse(line) as TapLine;
  } catch (thrown) {
    throw new MeshError("protocol", "Tap sent a line that is no JSON", { cause: thrown });
  }
}
