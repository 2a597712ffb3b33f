/** Instead of a page: nothing to show, not yet, or an error; says what to do. */
import type { ComponentChildren } from "preact";

export function Message(props: { title: string; children?: ComponentChildren; alert?: boolean }) {
  return (
    <section class="message" role={props.alert === true ? "alert" : undefined}>
      <h1>{props.title}</h1>
      <p>{props.children}</p>
    </section>
  );
}
