/** The key sets of issuers that were fetched, by their addresses. */
import type { Track } from "./derivations.ts";

export class KeySets {
  private readonly sets = new Map<string, string>();
  private readonly touch: (topic: string) => void;

  constructor(touch: (topic: string) => void) {
    this.touch = touch;
  }

  /** "" when there is none (yet, or any more). */
  get(uri: string, track: Track): string {
    track(`key-set:${uri}`);
    return this.sets.get(uri) ?? "";
  }

  /** "": there is none. */
  set(uri: string, keySet: string): void {
    if ((this.sets.get(uri) ?? "") === keySet) return;
    if (keySet === "") this.sets.delete(uri);
    else this.sets.set(uri, keySet);
    this.touch(`key-set:${uri}`);
  }
}
