import { fromBinary, toBinary } from "#rpc/protobuf/binary.ts";
import { create } from "#rpc/protobuf/create.ts";
import type { DescMessage, MessageInitShape, MessageShape } from "#rpc/protobuf/types.ts";
import { MeshError } from "#lib/errors.ts";
import { frameMessage } from "#wire/grpc/framing.ts";

/** A message with its gRPC prefix. Make it once when many streams get the same message. */
export function encodeMessage<D extends DescMessage>(schema: D, message: MessageInitShape<D>): Buffer {
  return frameMessage(toBinary(schema, create(schema, message)));
}

/** Throws "protocol" for bytes that are no such message. */
export function decodeMessage<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  try {
    return fromBinary(schema, bytes);
  } catch (thrown) {
    throw new MeshError("protocol", `Reading a message "${schema.typeName}" failed`, { cause: thrown });
  }
}
