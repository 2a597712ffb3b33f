/**
 * Remembers parsed heads by their exact bytes.
 *
 * Clients and servers repeat themselves: the same head means the same object, so that parsing and whatever was derived
 * from the head are done once. A head is kept from its second sighting on, so unique ones cost one string compare.
 */

interface Shareable {
  shared: boolean;
}

/** Slots of a cache; the memory bound is `slots · maxBytes` characters plus the parsed form. */
const slots = 256;
/** Longer heads are parsed each time. */
const maxBytes = 2_048;

export class HeadCache<H extends Shareable> {
  private readonly parse: (text: string) => H;
  private readonly texts: string[] = Array.from({ length: slots }, () => "");
  private readonly heads: Array<H | null> = Array.from({ length: slots }, () => null);
  /** How many heads were parsed. */
  parsed = 0;

  constructor(parse: (text: string) => H) {
    this.parse = parse;
  }

  /** The head that `text` says. Throws what the parser throws. */
  get(text: string): H {
    const length = text.length;
    if (length > maxBytes || length < 16) return this.parse(text);
    // Length and a few characters spread the usual heads; the compare below decides.
    const slot =
      (length * 31 +
        text.charCodeAt(6) * 7 +
        text.charCodeAt(10) * 3 +
        text.charCodeAt(14) * 5 +
        text.charCodeAt(length >> 1) * 13 +
        text.charCodeAt(length - 4) * 17) &
      (slots - 1);
    if (this.texts[slot] === text) {
      const known = this.heads[slot];
      if (known !== null && known !== undefined) return known;
      const head = this.parse(text);
      this.parsed++;
      head.shared = true;
      this.heads[slot] = head;
      return head;
    }
    const head = this.parse(text);
    this.parsed++;
    this.texts[slot] = text;
    this.heads[slot] = null;
    return head;
  }
}
