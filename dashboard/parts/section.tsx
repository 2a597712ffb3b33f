/** A card with a title; `empty` is what stands in it when there is nothing to show. */
import type { ComponentChildren } from "preact";

export function Section(props: { title: string; empty: string | false; children: ComponentChildren }) {
  return (
    <section class="card" aria-label={props.title}>
      <header class="card-head">
        <h2>{props.title}</h2>
      </header>
      {props.empty === false ? props.children : <p class="nothing">{props.empty}</p>}
    </section>
  );
}
