import { describe, expect, test } from "bun:test";
import { parseExposition, parseLabels, type Sample } from "./exposition.ts";

function parse(text: string): { samples: Sample[]; malformed: number } {
  const samples: Sample[] = [];
  const malformed = parseExposition(text, (sample) => samples.push(sample));
  return { samples, malformed };
}

describe("parseExposition()", () => {
  test("reads samples with and without labels, and skips comments and empty lines", () => {
    const { samples, malformed } = parse('# HELP a b\n# TYPE a counter\n\na 1\nb_bucket{le="+Inf",x="y"} 2.5\n');
    expect(samples).toEqual([
      { name: "a", labelText: "", value: 1 },
      { name: "b_bucket", labelText: 'le="+Inf",x="y"', value: 2.5 },
    ]);
    expect(malformed).toBe(0);
  });

  test("keeps braces and quotes inside label values", () => {
    const { samples } = parse('a{path="/x}{\\"y\\""} 3 1700000000');
    expect(samples[0]?.value).toBe(3);
    expect(parseLabels(samples[0]?.labelText ?? "").get("path")).toBe('/x}{"y"');
  });

  test("understands infinities and NaN, and a last line without its line end", () => {
    expect(parse("a +Inf\nb -Inf\nc NaN").samples.map((sample) => sample.value)).toEqual([
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.NaN,
    ]);
  });

  test("counts lines that it does not understand and goes on", () => {
    const { samples, malformed } = parse('a{x="1" 2\nnonsense\n9x 1\nb two\nc 3\n');
    expect(samples.map((sample) => sample.name)).toEqual(["c"]);
    expect(malformed).toBe(4);
  });
});

describe("parseLabels()", () => {
  test("unescapes backslash, quote and line feed", () => {
    expect([...parseLabels('a="\\\\",b="\\"",c="\\n"')]).toEqual([
      ["a", "\\"],
      ["b", '"'],
      ["c", "\n"],
    ]);
  });
});
