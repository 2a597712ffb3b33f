/** A ClientHello read with the whole input at hand: records joined, then RFC 8446 §4.1.2 by offsets. Null: none. */
export function readHello(input: Buffer): { kind: "client-hello"; serverName: string | null; alpn: string[] } | null {
  let message = Buffer.alloc(0);
  for (let at = 0; at + 5 <= input.length;) {
    const length = input.readUInt16BE(at + 3);
    if (input[at] !== 22 || input[at + 1] !== 3 || length === 0 || length > 16_384) break;
    message = Buffer.concat([message, input.subarray(at + 5, at + 5 + length)]);
    at += 5 + length;
  }
  if (message.length < 4 || message[0] !== 1) return null;
  const total = message.readUIntBE(1, 3);
  if (total > 16_384 || message.length < 4 + total) return null;
  try {
    return readBody(message.subarray(4, 4 + total));
  } catch (thrown) {
    // An offset beyond the end.
    if (thrown instanceof RangeError) return null;
    throw thrown;
  }
}

function readBody(body: Buffer): { kind: "client-hello"; serverName: string | null; alpn: string[] } {
  const slice = (of: Buffer, from: number, to: number): Buffer => {
    if (to > of.length) throw new RangeError();
    return of.subarray(from, to);
  };
  const session = 34 + 1 + body.readUInt8(34);
  const suites = session + 2 + body.readUInt16BE(session);
  const compression = suites + 1 + body.readUInt8(suites);
  slice(body, 0, compression);
  let serverName: string | null = null;
  const alpn: string[] = [];
  if (compression < body.length) {
    const all = slice(body, compression + 2, compression + 2 + body.readUInt16BE(compression));
    for (let at = 0; at < all.length;) {
      const type = all.readUInt16BE(at);
      const data = slice(all, at + 4, at + 4 + all.readUInt16BE(at + 2));
      at += 4 + data.length;
      if (type !== 0 && type !== 16) continue;
      const list = slice(data, 2, 2 + data.readUInt16BE(0));
      for (let entry = 0; entry < list.length;) {
        const isName = type === 0;
        const head = isName ? 3 : 1;
        const length = isName ? list.readUInt16BE(entry + 1) : list.readUInt8(entry);
        const text = slice(list, entry + head, entry + head + length).toString("latin1");
        if (!isName) alpn.push(text);
        else if (list[entry] === 0) serverName ??= text.toLowerCase().replace(/\.$/, "");
        entry += head + length;
      }
    }
  }
  return { kind: "client-hello", serverName, alpn };
}
