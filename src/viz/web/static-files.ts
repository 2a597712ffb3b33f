/** Files that never change while the program runs: compressed once, named by their content, answered 304 when known. */
import { securityHeaders } from "./security-headers.ts";

export interface StaticFile {
  /** `status` for a page that is shown though its path is unknown. */
  respond(request: Request, status?: number): Response;
}

export function staticFile(text: string, contentType: string): StaticFile {
  const plain = new TextEncoder().encode(text);
  const zipped = Bun.gzipSync(plain, { level: 9 });
  const etag = `"${new Bun.CryptoHasher("sha256").update(plain).digest("hex").slice(0, 16)}"`;
  return {
    respond(request, status = 200) {
      const headers: Record<string, string> = {
        ...securityHeaders,
        "content-type": contentType,
        etag,
        vary: "accept-encoding",
        // Asked for again at each load, because an upgrade changes them under the same name.
        "cache-control": "no-cache",
      };
      if (status === 200 && request.headers.get("if-none-match") === etag) {
        return new Response(null, { status: 304, headers });
      }
      const takesGzip = /\bgzip\b/.test(request.headers.get("accept-encoding") ?? "");
      if (takesGzip) headers["content-encoding"] = "gzip";
      return new Response(takesGzip ? zipped : plain, { status, headers });
    },
  };
}
