/** Faults of the proxy API in the form that `faults/` decides on. */
import { milliseconds } from "#rpc/address.ts";
import type { Fault as FaultMessage } from "#rpc/gen/outbound_pb.ts";
import type { Fault, FaultEnd } from "../faults/fault.ts";
import { ratioOf } from "./filter-messages.ts";
import { headerMatches } from "./route-messages.ts";

const serviceUnavailable = 503;
/** gRPC's UNAVAILABLE. */
const unavailable = 14;

export function faults(messages: readonly FaultMessage[]): Fault[] {
  return messages.map((message) => ({
    headers: headerMatches(message.headers),
    ratio: ratioOf(message.ratio),
    delay: Math.max(0, milliseconds(message.delay, 0)),
    rate: message.bytesPerSecond,
    end: end(message),
  }));
}

function end({ end: kind }: FaultMessage): FaultEnd | null {
  switch (kind.case) {
    case "abort": {
      const { httpStatus, grpcStatus, message } = kind.value;
      const status = httpStatus >= 200 && httpStatus <= 599 ? httpStatus : serviceUnavailable;
      const grpc = grpcStatus >= 1 && grpcStatus <= 16 ? grpcStatus : unavailable;
      return { kind: "abort", status, grpc, message: message === "" ? "A fault on purpose" : message };
    }
    case "reset":
      return { kind: "reset" };
    default:
      return null;
  }
}
