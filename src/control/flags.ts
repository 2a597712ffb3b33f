/** Flags as Kubernetes programs take them: `--name=value`, `--name value`, `--switch`; one dash is as good as two. */
import { MeshError } from "#lib/errors.ts";

export interface FlagSpec {
  /** With a value, or a switch that may have `=true` or `=false`. */
  readonly kind: "value" | "switch";
  /** Accepted because charts of Linkerd pass it, but without effect here. */
  readonly ignored?: true;
}

export type FlagSpecs = Readonly<Record<string, FlagSpec>>;

export class Flags {
  private readonly given = new Map<string, string>();

  /** Throws "invalid-argument" for unknown flags, missing values and stray words. */
  constructor(args: readonly string[], specs: FlagSpecs) {
    for (let index = 0; index < args.length; index++) {
      const arg = args[index] ?? "";
      const match = /^--?([a-z][a-z0-9-]*)(?:=(.*))?$/s.exec(arg);
      const name = match?.[1] ?? "";
      const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
      if (match === null || spec === undefined) {
        const known = Object.keys(specs).map((flag) => `--${flag}`);
        throw new MeshError("invalid-argument", `Unknown argument "${arg}"; known flags are ${known.join(", ")}`);
      }
      const inline = match[2];
      if (spec.kind === "switch") {
        this.given.set(name, inline ?? "true");
        continue;
      }
      const value = inline ?? args[++index];
      if (value === undefined) throw new MeshError("invalid-argument", `Flag "--${name}" needs a value`);
      this.given.set(name, value);
    }
  }

  text(name: string, fallback: string): string {
    return this.given.get(name) ?? fallback;
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.given.get(name);
    if (value === undefined) return fallback;
    if (value === "true" || value === "1") return true;
    if (value === "false" || value === "0") return false;
    throw new MeshError("invalid-argument", `Flag "--${name}" is "${value}", not true or false`);
  }

  integer(name: string, fallback: number, range: { readonly min: number; readonly max: number }): number {
    const value = this.given.get(name);
    if (value === undefined) return fallback;
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
    if (number >= range.min && number <= range.max) return number;
    throw new MeshError(
      "invalid-argument",
      `Flag "--${name}" is "${value}", not a whole number from ${range.min} to ${range.max}`,
    );
  }

  oneOf<T extends string>(name: string, fallback: T, choices: readonly T[]): T {
    const value = this.given.get(name);
    if (value === undefined) return fallback;
    const found = choices.find((choice) => choice === value);
    if (found !== undefined) return found;
    throw new MeshError("invalid-argument", `Flag "--${name}" is "${value}", not one of ${choices.join(", ")}`);
  }

  /** What `read` makes of the text; its error is told with the flag's name. */
  parsed<T>(name: string, fallback: string, read: (text: string) => T): T {
    const value = this.text(name, fallback);
    try {
      return read(value);
    } catch (thrown) {
      throw new MeshError("invalid-argument", `Flag "--${name}" is not valid`, { cause: thrown });
    }
  }

  /** Where to listen: ":8086" and "[::]:8086" mean every address. */
  listenAddr(name: string, fallback: string): { readonly ip: string; readonly port: number } {
    return this.parsed(name, fallback, (text) => {
      const match = /^(?:\[([0-9a-fA-F:.]*)\]|([0-9.]*)):(\d{1,5})$/.exec(text);
      const port = Number(match?.[3] ?? Number.NaN);
      if (!(port <= 65535)) throw new MeshError("invalid-argument", `"${text}" is not an address such as :8086`);
      const ip = match?.[1] ?? match?.[2] ?? "";
      return { ip: ip === "" ? "::" : ip, port };
    });
  }
}
