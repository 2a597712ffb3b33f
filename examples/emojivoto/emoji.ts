/** The emoji service: which emojis there are. */
import { emojis } from "./emojis.ts";
import { json, serve } from "./serve.ts";

export function runEmoji(): void {
  const byShortcode = new Map(emojis.map((emoji) => [emoji.shortcode, emoji]));
  serve(8080, {
    "/api/list": () => json(emojis),
    "/api/find": (_, url) => {
      const emoji = byShortcode.get(url.searchParams.get("shortcode") ?? "");
      return emoji === undefined ? json({ error: "no such emoji" }, 404) : json(emoji);
    },
  });
}
