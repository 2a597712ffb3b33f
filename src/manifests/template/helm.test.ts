import { expect, test } from "bun:test";
import { Block, demand, each, items, Symbolic, text, unlessBare, unlessEmpty, when, type Tree } from "./expression.ts";
import { helmRules, helmTemplate } from "./helm.ts";

const flag = new Symbolic<boolean>("flag", "$.Values.flag");
const other = new Symbolic<boolean>("flag", "$.Values.other");
const name = new Symbolic<string>("text", "$.Values.name");
const list = new Symbolic<string[]>("json", "$.Values.list");
const map = new Symbolic<Record<string, string>>("json", "$.Values.map");
const readers = new Symbolic<Array<Record<"name", string>>>("json", "$.Values.readers");
const print = (...objects: Tree[]): string => helmTemplate(objects, "header");

test("objects are printed as an ordinary template", () => {
  const block = new Block("a.proxy", { name: "proxy", image: name });
  const pod = {
    kind: "Pod",
    metadata: { name, labels: map, "a/b": "yes" },
    spec: {
      either: when(flag, { a: 1 }, { b: name }),
      first: when(flag, "1"),
      second: when(flag, "2"),
      args: ["x", ...items(list), when(other, text`--name=${name}`), when(other, "y")],
      containers: [block, when(flag, block)],
      subjects: each(readers, "reader", ["name"], (reader) => ({ kind: "ServiceAccount", name: reader.name })),
      none: {},
      empty: [],
    },
  };
  expect(print(pod, when(flag, { kind: "Service" }))).toBe(`{{- /* header */ -}}
{{- define "a.proxy" -}}
- name: proxy
  image: {{ toJson $.Values.name }}
{{- end }}
---
kind: Pod
metadata:
  name: {{ toJson $.Values.name }}
  labels: {{- toYaml (default dict $.Values.map) | nindent 4 }}
  a/b: "yes"
spec:
  {{- if $.Values.flag }}
  either:
    a: 1
  {{- else }}
  either:
    b: {{ toJson $.Values.name }}
  {{- end }}
  {{- if $.Values.flag }}
  first: "1"
  second: "2"
  {{- end }}
  args:
  - x
  {{- with $.Values.list }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- if $.Values.other }}
  - {{ toJson (printf "--name=%s" $.Values.name) }}
  - "y"
  {{- end }}
  containers:
  {{- include "a.proxy" $ | nindent 2 }}
  {{- if $.Values.flag }}
  {{- include "a.proxy" $ | nindent 2 }}
  {{- end }}
  subjects:
  {{- range $reader := $.Values.readers }}
  - kind: ServiceAccount
    name: {{ toJson $reader.name }}
  {{- end }}
  none: {}
  empty: []
{{- if $.Values.flag }}
---
kind: Service
{{- end }}
`);
});

test("what YAML would read as null where we have an empty object or list is refused", () => {
  expect(() => print({ kind: "Pod", spec: { a: unlessEmpty(name) } })).toThrow(
    "All members of an object have conditions: a",
  );
  expect(() => print({ kind: "Pod", args: [...items(list)] })).toThrow('All items of the list "args:" have conditions');
  expect(() => print({ kind: "Pod", list: ["x", { a: when(flag, 1), b: 2 }] })).toThrow(
    "The first member of an item has a condition",
  );
  expect(print({ kind: "Pod", spec: unlessBare({ a: unlessEmpty(name) }) })).toContain(
    ["{{- if not (empty $.Values.name) }}", "spec:", "  {{- if not (empty $.Values.name) }}"].join("\n"),
  );
});

test("text that Helm would take for a template is refused", () => {
  expect(() => print({ kind: "Pod", note: "{{ danger }}" })).toThrow("can't stand in a template");
});

test("demands become one named template", () => {
  expect(helmRules("rules", [...demand(flag, 'Say "yes"')])).toBe(
    `{{- define "rules" -}}\n{{- if not $.Values.flag }}\n{{- fail "Say \\"yes\\"" }}\n{{- end }}\n{{- end }}\n`,
  );
  expect(helmTemplate([{ kind: "Pod" }], "header", "rules")).toContain(`{{- include "rules" $ }}\n---\nkind: Pod`);
});
