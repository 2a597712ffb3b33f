/** Faults on purpose as messages of the proxy API. */
import { create } from "#rpc/protobuf/create.ts";
import { duration } from "#rpc/address.ts";
import { HeaderMatchSchema, RatioSchema } from "#rpc/gen/http_route_pb.ts";
import { Fault_AbortSchema, Fault_ResetSchema, FaultSchema, type Fault } from "#rpc/gen/outbound_pb.ts";
import type { OutboundFault } from "../policy/outbound/fault.ts";

/** Four decimals of a percentage. */
const denominator = 1_000_000;

export function faultMessage({ header, percent, delay, bytesPerSecond, end }: OutboundFault): Fault {
  const fault = create(FaultSchema, { bytesPerSecond });
  if (header !== null) {
    const value = { case: "exact", value: Buffer.from(header.value, "latin1") } as const;
    fault.headers = [create(HeaderMatchSchema, { name: header.name, value })];
  }
  const numerator = Math.round((percent / 100) * denominator);
  if (percent < 100) fault.ratio = create(RatioSchema, { numerator, denominator });
  if (delay > 0) fault.delay = duration(delay);
  if (end?.kind === "reset") fault.end = { case: "reset", value: create(Fault_ResetSchema) };
  if (end?.kind === "abort") {
    const { httpStatus, grpcStatus } = end;
    const message = "A fault on purpose";
    fault.end = { case: "abort", value: create(Fault_AbortSchema, { httpStatus, grpcStatus, message }) };
  }
  return fault;
}
