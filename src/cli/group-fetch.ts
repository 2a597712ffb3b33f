/**
 * `fetch` for several `--as-group` flags: the API server wants one Impersonate-Group line for each group, and the runtime's
 * fetch makes one line of all. Node's client sends them as they are.
 */
import { MeshError } from "#lib/errors.ts";

/** Only what the API client hands in is understood: text bodies, plain header objects, its TLS settings. */
export function groupFetch(groups: readonly string[]): typeof globalThis.fetch {
  const send = async (input: string | URL | Request, init: BunFetchRequestInit = {}): Promise<Response> => {
    const url = new URL(String(input instanceof Request ? input.url : input));
    if (init.proxy !== undefined)
      throw new MeshError(
        "unimplemented",
        "Several groups can't be impersonated through a proxy; pass --as-group once",
      );
    // Loaded only now: nobody else needs them.
    const client = await (url.protocol === "https:" ? import("node:https") : import("node:http"));
    const tls = (init.tls ?? {}) as Readonly<Record<string, unknown>>;
    return await new Promise<Response>((resolve, reject) => {
      const request = client.request(
        url,
        {
          method: init.method ?? "GET",
          headers: {
            ...(init.headers as Record<string, string>),
            "impersonate-group": [...groups],
            ...(typeof init.body === "string" ? { "content-length": Buffer.byteLength(init.body) } : {}),
          },
          ...(init.signal === undefined || init.signal === null ? {} : { signal: init.signal }),
          ...tls,
          ...(typeof tls["serverName"] === "string" ? { servername: tls["serverName"] } : {}),
        },
        (answer) => {
          const body = new ReadableStream<Uint8Array>({
            start: (controller) => {
              answer.on("data", (chunk: Buffer) => controller.enqueue(chunk));
              answer.on("end", () => controller.close());
              answer.on("error", (error) => controller.error(error));
            },
            cancel: () => {
              answer.destroy();
            },
          });
          const status = answer.statusCode ?? 502;
          resolve(new Response([204, 304].includes(status) ? null : body, { status }));
        },
      );
      request.on("error", reject);
      if (typeof init.body === "string") request.end(init.body);
      else request.end();
    });
  };
  return Object.assign(send, { preconnect: () => {} });
}
