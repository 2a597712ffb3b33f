/** How proxies are to speak HTTP/2 to each other: the flag's JSON as the message of the proxy API. */
import { create } from "#rpc/protobuf/create.ts";
import { MeshError } from "#lib/errors.ts";
import { parseDuration } from "#lib/duration.ts";
import { duration } from "#rpc/address.ts";
import {
  Http2ClientParams_FlowControlSchema,
  Http2ClientParams_InternalsSchema,
  Http2ClientParams_KeepAliveSchema,
  Http2ClientParamsSchema,
  type Http2ClientParams,
} from "#rpc/gen/destination_pb.ts";

type Members = Readonly<Record<string, unknown>>;

/** Null for an empty text or object. Throws "invalid-argument" for what can't be read. */
export function parseHttp2Params(text: string): Http2ClientParams | null {
  if (text.trim() === "") return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    throw new MeshError("invalid-argument", `"${text}" is not JSON`, { cause: thrown });
  }
  const root = members(value, text);
  const [flow, alive, internals] = ["flow_control", "keep_alive", "internals"].map((name) => {
    const found = member(root, name);
    return found === undefined ? null : members(found, name);
  });
  if (!flow && !alive && !internals) return null;
  return create(Http2ClientParamsSchema, {
    ...(flow
      ? {
          flowControl: create(Http2ClientParams_FlowControlSchema, {
            initialConnectionWindowSize: whole(flow, "initial_connection_window_size"),
            initialStreamWindowSize: whole(flow, "initial_stream_window_size"),
            adaptiveFlowControl: member(flow, "adaptive_flow_control") === true,
          }),
        }
      : {}),
    ...(alive
      ? {
          keepAlive: create(Http2ClientParams_KeepAliveSchema, {
            ...time(alive, "interval"),
            ...time(alive, "timeout"),
            whileIdle: member(alive, "while_idle") === true,
          }),
        }
      : {}),
    ...(internals
      ? {
          internals: create(Http2ClientParams_InternalsSchema, {
            maxConcurrentResetStreams: whole(internals, "max_concurrent_reset_streams"),
            maxFrameSize: whole(internals, "max_frame_size"),
            maxSendBufSize: whole(internals, "max_send_buf_size"),
          }),
        }
      : {}),
  });
}

function members(value: unknown, what: string): Members {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Members;
  throw new MeshError("invalid-argument", `"${what}" is not an object`);
}

/** Names are written with underscores or in camel case. */
function member(of: Members, name: string): unknown {
  return of[name] ?? of[name.replace(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase())];
}

function whole(of: Members, name: string): number {
  const value = member(of, name) ?? 0;
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff) return value;
  throw new MeshError("invalid-argument", `"${name}" is not a whole number`);
}

/** "10s", or `{seconds, nanos}`. */
function time<N extends "interval" | "timeout">(of: Members, name: N): { [K in N]?: ReturnType<typeof duration> } {
  const value = member(of, name);
  if (value === undefined) return {};
  const ms =
    typeof value === "string"
      ? parseDuration(value)
      : whole(members(value, name), "seconds") * 1000 + whole(members(value, name), "nanos") / 1e6;
  if (ms === null) throw new MeshError("invalid-argument", `"${name}" is not a duration`);
  return { [name]: duration(ms) } as { [K in N]?: ReturnType<typeof duration> };
}
