/** What the connections of one kind count together, as plain numbers that whoever shows metrics reads. */
export class Http2Counts {
  /** Requests that were refused because they break HTTP (RFC 9113 §8.1.1). */
  malformed = 0;
  /** Connections that ended because a header block, or another frame, took too long to come. */
  slowHeads = 0;
}
