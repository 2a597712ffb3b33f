import { encodeMessage } from "#rpc/message.ts";
import { type Http2ClientParams, UpdateSchema, type Update } from "#rpc/gen/destination_pb.ts";
import { viewChange } from "../destination/client-view.ts";
import type { EndpointSet } from "../destination/endpoint-set.ts";
import type { Endpoint } from "../destination/endpoint.ts";
import { addUpdate, noEndpointsUpdate, removeUpdate } from "./destination-message.ts";

export type View = ReadonlyMap<string, Endpoint>;

/** Where every client starts. One object, so that the first frames are shared too. */
export const emptyView: View = new Map();

/** Endpoints in one message at most: about 150 KB, far below what clients accept. */
const perMessage = 500;

/**
 * The messages that bring clients from one view to another, encoded once for all clients that make the same step: when a
 * Deployment rolls, thousands of proxies do. Steps are forgotten with the views.
 */
export class EndpointFrames {
  private steps = new WeakMap<View, WeakMap<View, Map<string, readonly Buffer[]>>>();
  private readonly http2: Http2ClientParams | null;

  constructor(http2: Http2ClientParams | null) {
    this.http2 = http2;
  }

  /** `set`: where the new view comes from. A change is never split into "remove, then add": clients would see a gap. */
  step(before: View, after: View, set: EndpointSet, zone: string): readonly Buffer[] {
    let from = this.steps.get(after);
    if (from === undefined) this.steps.set(after, (from = new WeakMap()));
    let byZone = from.get(before);
    if (byZone === undefined) from.set(before, (byZone = new Map()));
    const known = byZone.get(zone);
    if (known !== undefined) return known;
    const frames = messages(before, after, set, zone, this.http2).map((message) =>
      encodeMessage(UpdateSchema, message),
    );
    byZone.set(zone, frames);
    return frames;
  }
}

function messages(
  before: View,
  after: View,
  set: EndpointSet,
  zone: string,
  http2: Http2ClientParams | null,
): Update[] {
  if (after.size === 0) return [noEndpointsUpdate(set.exists)];
  const { add, remove } = viewChange(before, after);
  const out: Update[] = [];
  for (let at = 0; at < add.length; at += perMessage) {
    out.push(addUpdate(add.slice(at, at + perMessage), set, zone, http2));
  }
  if (remove.length > 0) out.push(removeUpdate(remove));
  return out;
}
