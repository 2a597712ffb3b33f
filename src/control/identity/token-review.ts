/** Asks Kubernetes whose a token is, with a bound on how many questions are open at a time. */
import { errorChain, MeshError } from "#lib/errors.ts";
import { apiVersion, collectionPath, resources } from "#kube/resource.ts";
import type { TokenReview } from "#kube/types/authentication.ts";

/** The audience of the tokens that proxies show to us and to nobody else. */
export const identityAudience = "identity.l5d.io";

/** The one call of a client that is used here. */
export interface ReviewClient {
  json<T>(
    method: string,
    path: string,
    options: { readonly action: string; readonly body: unknown; readonly timeout: number },
  ): Promise<T>;
}

export interface ReviewOptions {
  /** Questions open at a time. Default 50. */
  readonly concurrency?: number;
  /** Questions that wait at most; a further one is refused. Default 1,000. */
  readonly waiting?: number;
  /** ms until Kubernetes must have answered. Default 10 s. */
  readonly timeout?: number;
  /** Also takes tokens with the API server's own audience: only for pods whose identity tokens aren't projected. */
  readonly acceptDefaultAudience?: boolean;
}

/** Whose a token is. */
export interface TokenOwner {
  readonly namespace: string;
  readonly serviceAccount: string;
}

const userPrefix = "system:serviceaccount:";

export class TokenReviewer {
  private open = 0;
  private readonly queue: Array<() => void> = [];
  private readonly client: ReviewClient;
  private readonly options: Required<ReviewOptions>;

  constructor(client: ReviewClient, options: ReviewOptions = {}) {
    this.client = client;
    this.options = { concurrency: 50, waiting: 1000, timeout: 10_000, acceptDefaultAudience: false, ...options };
  }

  /**
   * The ServiceAccount behind a token. Throws "unauthenticated" for a token that Kubernetes doesn't accept for our
   * audience, "unavailable" when Kubernetes can't be asked, "resource-exhausted" when too many wait.
   */
  async review(token: string): Promise<TokenOwner> {
    await this.enter();
    try {
      try {
        return await this.ask(token, [identityAudience]);
      } catch (error) {
        const refused = error instanceof MeshError && error.code === "unauthenticated";
        if (!refused || !this.options.acceptDefaultAudience) throw error;
        return await this.ask(token, null);
      }
    } finally {
      // Hands its place on, so that nobody can slip in between.
      const next = this.queue.shift();
      if (next === undefined) this.open--;
      else next();
    }
  }

  private async enter(): Promise<void> {
    if (this.open < this.options.concurrency) {
      this.open++;
      return;
    }
    if (this.queue.length >= this.options.waiting) {
      throw new MeshError("resource-exhausted", `Too many certificate requests are waiting (${this.queue.length})`);
    }
    await new Promise<void>((resolve) => {
      this.queue.push(resolve);
    });
  }

  private async ask(token: string, audiences: readonly string[] | null): Promise<TokenOwner> {
    const resource = resources.tokenReviews;
    const body: TokenReview = {
      apiVersion: apiVersion(resource) as TokenReview["apiVersion"],
      kind: "TokenReview",
      spec: audiences === null ? { token } : { token, audiences },
    };
    let review: TokenReview;
    try {
      review = await this.client.json<TokenReview>("POST", collectionPath(resource), {
        action: "review a token",
        body,
        timeout: this.options.timeout,
      });
    } catch (error) {
      throw new MeshError("unavailable", `Failed to review a token: ${errorChain(error)}`, { cause: error });
    }
    const { status } = review;
    if (status?.authenticated !== true) {
      const reason = status?.error === undefined || status.error === "" ? "" : `: ${status.error}`;
      throw new MeshError("unauthenticated", `Kubernetes does not accept the token${reason}`);
    }
    // An API server that knows no audiences would accept any token: it must say that ours was meant.
    if (audiences !== null && !audiences.some((audience) => status.audiences?.includes(audience) === true)) {
      throw new MeshError("unauthenticated", `The token is not meant for the audience "${identityAudience}"`);
    }
    return ownerOf(status.user?.username ?? "");
  }
}

function ownerOf(username: string): TokenOwner {
  const [namespace, serviceAccount, ...rest] = username.startsWith(userPrefix)
    ? username.slice(userPrefix.length).split(":")
    : [];
  if (
    namespace === undefined ||
    serviceAccount === undefined ||
    namespace === "" ||
    serviceAccount === "" ||
    rest.length > 0
  ) {
    throw new MeshError("unauthenticated", `The token belongs to "${username}", which is not a ServiceAccount`);
  }
  return { namespace, serviceAccount };
}
