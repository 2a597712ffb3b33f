/** The keyboard shortcuts. */
import { Dialog } from "./dialog.tsx";

export function Help(props: {
  onClose: () => void;
  pages: readonly { readonly title: string; readonly key: string }[];
}) {
  return (
    <Dialog label="Keyboard shortcuts" onClose={props.onClose}>
      <h2>Keyboard</h2>
      <dl class="keys">
        <dt>
          <kbd>/</kbd>
        </dt>
        <dd>Search workloads and namespaces</dd>
        {props.pages.map(({ title, key }) => [
          <dt key={`${key}-key`}>
            <kbd>g</kbd> <kbd>{key}</kbd>
          </dt>,
          <dd key={key}>{title}</dd>,
        ])}
        <dt>
          <kbd>?</kbd>
        </dt>
        <dd>This list</dd>
        <dt>
          <kbd>Esc</kbd>
        </dt>
        <dd>Close</dd>
      </dl>
    </Dialog>
  );
}
