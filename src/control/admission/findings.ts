/** Problems told of one object at most: enough to repair it in one go, short enough to read. */
const limit = 10;

/** What looking at an object brought up. */
export class Findings {
  /** Each one refuses the object. */
  readonly problems: string[] = [];
  /** Shown to the user; the object is taken nevertheless. */
  readonly warnings: string[] = [];
  /** Regular expressions that are still to be checked: their parser is loaded only when there are some. */
  readonly patterns: Array<{ readonly path: string; readonly pattern: string }> = [];

  problem(path: string, what: string): void {
    add(this.problems, `${path}: ${what}`);
  }

  warning(path: string, what: string): void {
    add(this.warnings, `${path}: ${what}`);
  }

  pattern(path: string, pattern: string): void {
    if (this.patterns.length < 1000) this.patterns.push({ path, pattern });
  }
}

/** Rules that look twice at a field say it once. */
function add(list: string[], text: string): void {
  if (list.length < limit && !list.includes(text)) list.push(text);
}
