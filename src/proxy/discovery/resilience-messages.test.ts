import { expect, test } from "bun:test";
import { create } from "#rpc/protobuf/create.ts";
import { GrpcRoute_RetrySchema, HttpRoute_RetrySchema } from "#rpc/gen/outbound_pb.ts";
import { grpcRetry, httpRetry } from "./resilience-messages.ts";

test("a message can't ask for more than 32 retries of a request, or for more than 64 KiB of it", () => {
  for (const [asked, given] of [
    [0, 0],
    [3, 3],
    [4_000_000_000, 32],
  ] as const) {
    const rules = [
      httpRetry(create(HttpRoute_RetrySchema, { maxRetries: asked, maxRequestBytes: 4_000_000_000 })),
      grpcRetry(create(GrpcRoute_RetrySchema, { maxRetries: asked, maxRequestBytes: 4_000_000_000 })),
    ];
    for (const { limit, maxBody } of rules) expect([limit, maxBody]).toEqual([given, 65_536]);
  }
});
