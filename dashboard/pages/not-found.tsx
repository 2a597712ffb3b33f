/** A path without a page. */
import { Link, useLocation } from "wouter-preact";
import { overviewPath } from "../links.ts";
import { Message } from "../parts/message.tsx";

export function NotFoundPage() {
  const [location] = useLocation();
  return (
    <Message title="There is no such page">
      Nothing is at <code>{location}</code>. Go to the <Link href={overviewPath}>overview</Link>, or press <kbd>/</kbd>{" "}
      to search.
    </Message>
  );
}
