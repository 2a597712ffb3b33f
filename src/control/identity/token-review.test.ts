import { expect, test } from "bun:test";
import { MeshError } from "#lib/errors.ts";
import type { TokenReview } from "#kube/types/authentication.ts";
import { TokenReviewer, type ReviewClient } from "./token-review.ts";

/** A client that answers each question by `answer`. */
function client(answer: (body: TokenReview) => TokenReview["status"] | Promise<TokenReview["status"]>): ReviewClient {
  return {
    async json<T>(method: string, path: string, { body }: { body: unknown }): Promise<T> {
      expect([method, path]).toEqual(["POST", "/apis/authentication.k8s.io/v1/tokenreviews"]);
      return { ...(body as TokenReview), status: await answer(body as TokenReview) } as T;
    },
  };
}

const accepted = (username: string, audiences = ["identity.l5d.io"]) => ({
  authenticated: true,
  audiences,
  user: { username },
});

async function codeOf(run: Promise<unknown>): Promise<string> {
  const error: unknown = await run.then(
    () => "nothing was thrown",
    (thrown: unknown) => thrown,
  );
  return error instanceof MeshError ? error.code : String(error);
}

test("an accepted token gives its ServiceAccount, asked for with our audience only", async () => {
  const reviewer = new TokenReviewer(
    client(({ spec }) => {
      expect(spec).toEqual({ token: "t", audiences: ["identity.l5d.io"] });
      return accepted("system:serviceaccount:emojivoto:web");
    }),
  );
  expect(await reviewer.review("t")).toEqual({ namespace: "emojivoto", serviceAccount: "web" });
});

test("what is not a ServiceAccount's token for our audience is unauthenticated", async () => {
  const statuses: Array<TokenReview["status"]> = [
    { authenticated: false, error: "expired" },
    {},
    accepted("system:serviceaccount:emojivoto:web", ["https://kubernetes.default.svc"]),
    { authenticated: true, user: { username: "system:serviceaccount:emojivoto:web" } },
    accepted("admin"),
    accepted("system:serviceaccount:emojivoto"),
    accepted("system:serviceaccount:a:b:c"),
    accepted("system:serviceaccount::b"),
  ];
  for (const status of statuses) {
    expect(await codeOf(new TokenReviewer(client(() => status)).review("t"))).toBe("unauthenticated");
  }
});

test("the API server's own audience counts only where it is allowed", async () => {
  const answers = ({ spec }: TokenReview) =>
    spec.audiences === undefined ? accepted("system:serviceaccount:a:b", ["api"]) : { authenticated: false };
  expect(await codeOf(new TokenReviewer(client(answers)).review("t"))).toBe("unauthenticated");
  const lenient = new TokenReviewer(client(answers), { acceptDefaultAudience: true });
  expect(await lenient.review("t")).toEqual({ namespace: "a", serviceAccount: "b" });
});

test("an unreachable API server is unavailable", async () => {
  const reviewer = new TokenReviewer({ json: () => Promise.reject(new MeshError("timeout", "Too slow")) });
  expect(await codeOf(reviewer.review("t"))).toBe("unavailable");
});

test("only so many reviews are open, only so many wait, and the rest is refused", async () => {
  const open: Array<() => void> = [];
  const reviewer = new TokenReviewer(
    client(
      () =>
        new Promise((resolve) => {
          open.push(() => resolve(accepted("system:serviceaccount:a:b")));
        }),
    ),
    { concurrency: 2, waiting: 1 },
  );
  const results = [1, 2, 3].map(() => reviewer.review("t"));
  expect(await codeOf(reviewer.review("t"))).toBe("resource-exhausted");
  expect(open).toHaveLength(2);
  open[0]?.();
  await results[0];
  await Promise.resolve();
  while (open.length < 3) await Promise.resolve();
  open[1]?.();
  open[2]?.();
  expect(await Promise.all(results)).toHaveLength(3);
});
