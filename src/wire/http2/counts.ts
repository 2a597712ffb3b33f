/** What the connections of one kind count together, as plain numbers that whoever shows metrics reads. */
export class Http2Counts {
  /** Requests that were refused because they break HTTP (RFC 9113 §8.1.1). */
  malformed = 0;
  /** Connections that ended because a header block, or another frame, took too long to come. */
  slowHeads = 0;
  /** Bytes of all connections that wait for windows or sockets at the moment. */
  queuedBytes = 0;
  /** How often a connection had too much of that, or too much unread. */
  crowded = 0;
  /** Streams that were reset because they kept their connection crowded and did not move. */
  hoarders = 0;
}
