/**
 * What annotations of a Service or route say goes wrong on purpose. Ours, not Linkerd's. One of them that says nothing makes all of
 * them count as absent: without its gate a fault would hit everybody.
 */
import { faultEnd, maxFaultDelay, type OutboundFault } from "./fault.ts";
import { readDuration, readFlag, readWhole, type Read } from "./annotation-values.ts";

export const faultPrefix = "fault.linkerd.io/";

function readDelay(text: string): Read<number> {
  const read = readDuration(text);
  return "value" in read && read.value > maxFaultDelay ? { wrong: "is longer than an hour" } : read;
}

function readPercent(text: string): Read<number> {
  const value = /^\d{1,3}(\.\d{1,4})?$/.test(text) ? Number(text) : Number.NaN;
  return value <= 100 ? { value } : { wrong: "is not a number from 0 to 100 with up to four decimals" };
}

function readHeader(text: string): Read<{ readonly name: string; readonly value: string }> {
  const [, name = "", value = ""] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,128})=([ -~]{0,256})$/.exec(text) ?? [];
  return name === "" ? { wrong: 'is not "NAME=VALUE"' } : { value: { name: name.toLowerCase(), value } };
}

function readStatus(text: string): Read<number> {
  return /^[2-5]\d\d$/.test(text) ? { value: Number(text) } : { wrong: "is not a status from 200 to 599" };
}

function readGrpcStatus(text: string): Read<number> {
  const read = readWhole(text, 16);
  return "value" in read && read.value === 0 ? { wrong: "is the status of a success" } : read;
}

/** For the webhooks too. */
export const faultReaders = {
  [`${faultPrefix}abort`]: readStatus,
  [`${faultPrefix}abort-grpc`]: readGrpcStatus,
  [`${faultPrefix}reset`]: readFlag,
  [`${faultPrefix}delay`]: readDelay,
  [`${faultPrefix}bytes-per-second`]: (text: string): Read<number> => readWhole(text, 0xffff_ffff),
  [`${faultPrefix}percent`]: readPercent,
  [`${faultPrefix}header`]: readHeader,
} satisfies Readonly<Record<string, (text: string) => Read<unknown>>>;

/** Null: nothing goes wrong on purpose. */
export function faultOf(annotations: Readonly<Record<string, string>>): OutboundFault | null {
  let wrong = false;
  const said = <T>(name: string, read: (text: string) => Read<T>): T | null => {
    const text = annotations[`${faultPrefix}${name}`];
    if (text === undefined) return null;
    const found = read(text);
    if ("value" in found) return found.value;
    wrong = true;
    return null;
  };
  const httpStatus = said("abort", readStatus);
  const grpcStatus = said("abort-grpc", readGrpcStatus);
  const aborted = httpStatus !== null || grpcStatus !== null;
  const end = faultEnd(aborted ? { httpStatus, grpcStatus } : null, said("reset", readFlag) ?? false);
  const fault = {
    header: said("header", readHeader),
    percent: said("percent", readPercent) ?? 100,
    delay: said("delay", readDelay) ?? 0,
    bytesPerSecond: said("bytes-per-second", (text) => readWhole(text, 0xffff_ffff)) ?? 0,
  };
  const nothing = end === null && fault.delay === 0 && fault.bytesPerSecond === 0;
  return wrong || nothing || fault.percent === 0 ? null : { ...fault, end };
}

/** Whether a route says anything of faults itself: then those of its Service don't count. */
export function saysFaults(annotations: Readonly<Record<string, string>>): boolean {
  return Object.keys(annotations).some((key) => key.startsWith(faultPrefix));
}
