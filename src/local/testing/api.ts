import { readFileSync } from "node:fs";

/** The API server as an administrator sees it. */
export class Api {
  private readonly server: string;
  private readonly token: string;
  private readonly ca: string;

  constructor(kubeconfig: string) {
    const text = readFileSync(kubeconfig, "utf8");
    const value = (key: string): string => new RegExp(`${key}: (\\S+)`).exec(text)?.[1] ?? "";
    this.server = value("server");
    this.token = value("token");
    this.ca = Buffer.from(value("certificate-authority-data"), "base64").toString();
  }

  async request(method: string, path: string, body?: unknown): Promise<Response> {
    return await fetch(this.server + path, {
      method,
      headers: { authorization: `Bearer ${this.token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      tls: { ca: this.ca },
    });
  }

  async create(path: string, body: unknown): Promise<void> {
    const response = await this.request("POST", path, body);
    if (!response.ok) throw new Error(await response.text());
  }

  /** Asks until the answer is good, at most 50 s. */
  async until<T>(path: string, good: (object: T) => boolean): Promise<T> {
    for (const end = performance.now() + 50_000; ; await Bun.sleep(50)) {
      const response = await this.request("GET", path);
      const object = (await response.json()) as T;
      if (response.ok && good(object)) return object;
      if (performance.now() > end)
        throw new Error(`${path} did not come to be as wanted: ${JSON.stringify(object).slice(0, 2000)}`);
    }
  }
}
