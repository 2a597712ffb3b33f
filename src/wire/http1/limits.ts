/** Upper limits of what the decoders accept. Every one refuses; nothing is cut or dropped. */
export interface Http1Limits {
  /** Bytes of a start line and header section with its end. */
  readonly headBytes: number;
  /** Header fields of one head. */
  readonly headers: number;
  /** Bytes of a request target. */
  readonly targetBytes: number;
  /** Bytes of the extensions of one chunk, and of a trailer section. */
  readonly chunkExtensionBytes: number;
  readonly trailerBytes: number;
  /** Bytes of all chunk extensions of one message: a body must not be mostly overhead. */
  readonly allExtensionBytes: number;
}

export const defaultHttp1Limits: Http1Limits = {
  headBytes: 65_536,
  headers: 128,
  targetBytes: 32_768,
  chunkExtensionBytes: 256,
  trailerBytes: 8_192,
  allExtensionBytes: 16_384,
};
