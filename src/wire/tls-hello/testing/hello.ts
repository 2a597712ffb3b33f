/** Builds ClientHellos for tests. */

function vector(lengthSize: 1 | 2 | 3, bytes: Buffer): Buffer {
  const head = Buffer.alloc(lengthSize);
  head.writeUIntBE(bytes.length, 0, lengthSize);
  return Buffer.concat([head, bytes]);
}

function extension(type: number, data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type >> 8, type & 255]), vector(2, data)]);
}

export interface HelloOptions {
  readonly serverName?: string;
  readonly alpn?: readonly string[];
  /** Bytes of a padding extension. */
  readonly padding?: number;
}

/** A ClientHello in records of at most `recordBytes` bytes. The server name comes last. */
export function clientHello(options: HelloOptions, recordBytes = 16_384): Buffer {
  const extensions: Buffer[] = [];
  if (options.padding !== undefined) extensions.push(extension(21, Buffer.alloc(Math.min(65_000, options.padding))));
  if (options.alpn !== undefined) {
    extensions.push(extension(16, vector(2, Buffer.concat(options.alpn.map((name) => vector(1, Buffer.from(name)))))));
  }
  if (options.serverName !== undefined) {
    const entry = Buffer.concat([Buffer.from([0]), vector(2, Buffer.from(options.serverName))]);
    extensions.push(extension(0, vector(2, entry)));
  }
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    vector(1, Buffer.alloc(32, 9)),
    vector(2, Buffer.from([0x13, 0x01])),
    vector(1, Buffer.from([0])),
    ...(extensions.length > 0 ? [vector(2, Buffer.concat(extensions))] : []),
  ]);
  const message = Buffer.concat([Buffer.from([1]), vector(3, body)]);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += recordBytes) {
    records.push(Buffer.from([22, 3, 1]), vector(2, message.subarray(at, at + recordBytes)));
  }
  return Buffer.concat(records);
}
