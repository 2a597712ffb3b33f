/** Network namespaces of tests, as pods, and programs in them. They need root and ip(8). */

/** Runs a program to its end; what it printed. Throws what it complained of when it failed. */
export function sh(argv: readonly string[], input = ""): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...argv], { stdin: Buffer.from(input) });
  if (exitCode !== 0) throw new Error(`${argv.join(" ")}: ${stderr.toString()}`);
  return stdout.toString();
}

/** A namespace whose loopback is up. */
export class TestNamespace {
  readonly name: string;
  readonly path: string;
  private readonly programs: Bun.Subprocess[] = [];

  constructor(name: string) {
    this.name = name;
    this.path = `/run/netns/${name}`;
    sh(["ip", "netns", "add", name]);
    this.run("ip", "link", "set", "lo", "up");
  }

  /** Runs a program in it to its end, as `sh`. */
  run(...argv: string[]): string {
    return sh(this.command(argv));
  }

  command(argv: readonly string[]): string[] {
    return ["ip", "netns", "exec", this.name, ...argv];
  }

  /** Starts a program in it, which is killed when the namespace is removed. */
  start(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Program {
    const child = Bun.spawn(this.command(argv), {
      env: { PATH: process.env["PATH"], ...env },
      stdout: "pipe",
      stderr: "pipe",
    });
    this.programs.push(child);
    return { out: new Output(child.stdout), err: new Output(child.stderr), exited: child.exited };
  }

  /** Runs TypeScript in it to its end; what it printed. */
  async script(code: string): Promise<string> {
    const { out, err, exited } = this.start([process.execPath, "-e", code]);
    const [text, errors] = await Promise.all([out.rest(), err.rest()]);
    if ((await exited) !== 0) throw new Error(errors);
    return text.trim();
  }

  async remove(): Promise<void> {
    for (const child of this.programs) child.kill("SIGKILL");
    await Promise.all(this.programs.map((child) => child.exited));
    sh(["ip", "netns", "del", this.name]);
  }
}

export interface Program {
  readonly out: Output;
  readonly err: Output;
  readonly exited: Promise<number>;
}

/** What a program says, from one word to the next. */
export class Output {
  private readonly reader: { read(): Promise<{ readonly value?: Uint8Array | undefined; readonly done: boolean }> };
  private seen = "";

  constructor(stream: ReadableStream<Uint8Array>) {
    this.reader = stream.getReader();
  }

  /** Waits for a text; it and what came before are taken away. Throws when the program ends without it. */
  async until(text: string): Promise<void> {
    while (!this.seen.includes(text)) {
      if (!(await this.more())) throw new Error(`The program ended without "${text}":\n${this.seen}`);
    }
    this.seen = this.seen.slice(this.seen.indexOf(text) + text.length);
  }

  /** All that is left, once the program has ended. */
  async rest(): Promise<string> {
    while (await this.more());
    return this.seen;
  }

  private async more(): Promise<boolean> {
    const { value, done } = await this.reader.read();
    if (done || value === undefined) return false;
    this.seen += Buffer.from(value).toString();
    return true;
  }
}
