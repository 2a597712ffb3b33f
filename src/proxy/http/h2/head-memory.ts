import type { FlatHeaders, RequestHead, ResponseHead } from "#wire/http1/head.ts";
import { repeated, type HeaderBlock } from "#wire/http2/header-block.ts";
import { BlockRequest, BlockResponse, requestToSend, responseToSend, restoredResponse } from "./heads.ts";

/**
 * What heads that come again are on the other side: the same object each time, so that encoders and the HTTP/1 drivers
 * remember its bytes. A head that comes again is one object (wire/http1/head-cache.ts, or a block that a decoder
 * remembers), and everything here goes with it. One for each direction, because what is added and removed differs.
 */
export class HeadMemory {
  private readonly requests = new WeakMap<HeaderBlock, BlockRequest>();
  private readonly responses = new WeakMap<HeaderBlock, BlockResponse>();
  private readonly sent = new WeakMap<object, HeaderBlock>();
  private readonly restored = new WeakMap<object, HeaderBlock>();
  private readonly stripResponse: ReadonlySet<string>;
  private keys = 0;

  /** @param stripResponse response headers that don't pass */
  constructor(stripResponse: ReadonlySet<string>) {
    this.stripResponse = stripResponse;
  }

  /** A request that came by HTTP/2. `fin`: the head is all of it. */
  request(block: HeaderBlock, fin: boolean): BlockRequest {
    if (block.memoKey === 0 || !fin) return new BlockRequest(block, fin);
    let head = this.requests.get(block);
    if (head === undefined) {
      head = new BlockRequest(block, fin);
      head.shared = true;
      this.requests.set(block, head);
    }
    return head;
  }

  /** A response that came by HTTP/2. */
  response(block: HeaderBlock, fin: boolean): BlockResponse {
    if (block.memoKey === 0 || fin) return new BlockResponse(block, fin);
    let head = this.responses.get(block);
    if (head === undefined) {
      head = new BlockResponse(block, fin);
      head.shared = true;
      this.responses.set(block, head);
    }
    return head;
  }

  /** The block to send a request as. `extra` is the same for every request of one client's connection. */
  requestToSend(head: RequestHead, extra: FlatHeaders, authority: string | null): HeaderBlock {
    // Heads of HTTP/1 are shared by connections, whose `extra` differs.
    const source = extra.length > 0 && !(head instanceof BlockRequest) ? null : this.source(head);
    if (source === null || authority !== null) return requestToSend(head, extra, authority);
    return this.sent.get(source) ?? this.remember(this.sent, source, requestToSend(head, extra, null));
  }

  /** The block to send a response as. `restored`: to a request of HTTP/1 that another proxy brought by HTTP/2. */
  responseToSend(head: ResponseHead, restored = false): HeaderBlock {
    const source = this.source(head);
    const make = restored ? restoredResponse : responseToSend;
    if (source === null) return make(head, this.stripResponse);
    const sent = restored ? this.restored : this.sent;
    return sent.get(source) ?? this.remember(sent, source, make(head, this.stripResponse));
  }

  /** The object that stands for every repetition of a head, or null. */
  private source(head: RequestHead | ResponseHead): object | null {
    if (head instanceof BlockRequest || head instanceof BlockResponse)
      return head.block.memoKey === 0 ? null : head.block;
    return head.shared ? head : null;
  }

  private remember(sent: WeakMap<object, HeaderBlock>, source: object, block: HeaderBlock): HeaderBlock {
    // One that is passed on as it came has its key already.
    if (block.memoKey === 0) repeated(block, ++this.keys);
    sent.set(source, block);
    return block;
  }
}
