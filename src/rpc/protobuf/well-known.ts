import { create } from "./create.ts";
import { fileDesc, messageDesc } from "./descriptor.ts";
import type { GenFile, GenMessage, Message } from "./types.ts";

/** A length of time, google.protobuf.Duration. */
export type Duration = Message<"google.protobuf.Duration"> & {
  seconds: bigint;
  /** Of the same sign as `seconds`. */
  nanos: number;
};

/** A point in time, google.protobuf.Timestamp. */
export type Timestamp = Message<"google.protobuf.Timestamp"> & {
  /** Since 1970-01-01 UTC. */
  seconds: bigint;
  /** 0–999,999,999. */
  nanos: number;
};

// Compiled descriptors of the two messages: `int64 seconds = 1; int32 nanos = 2;`.
export const file_google_protobuf_duration: GenFile = fileDesc(
  "Eg9nb29nbGUucHJvdG9idWYiKgoIRHVyYXRpb24SDwoHc2Vjb25kcxgBIAEoAxINCgVuYW5vcxgCIAEoBQ==",
);
export const file_google_protobuf_timestamp: GenFile = fileDesc(
  "Eg9nb29nbGUucHJvdG9idWYiKwoJVGltZXN0YW1wEg8KB3NlY29uZHMYASABKAMSDQoFbmFub3MYAiABKAU=",
);
export const DurationSchema: GenMessage<Duration> = messageDesc(file_google_protobuf_duration, 0);
export const TimestampSchema: GenMessage<Timestamp> = messageDesc(file_google_protobuf_timestamp, 0);

/** @param ms since 1970-01-01 UTC, with fraction. */
export function timestampFromMs(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000);
  return create(TimestampSchema, { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) });
}

/** Milliseconds since 1970-01-01 UTC. */
export function timestampMs(timestamp: Timestamp): number {
  return Number(timestamp.seconds) * 1000 + timestamp.nanos / 1e6;
}
