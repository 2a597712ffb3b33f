/** A client of the voting service's raw TCP port: one connection, asked every two seconds, opened anew when it breaks. */

export interface Tally {
  /** The newest answer: votes by shortcode. Empty until the first one came. */
  readonly votes: ReadonlyMap<string, number>;
}

export function followTally(hostname: string, port: number): Tally {
  const votes = new Map<string, number>();

  function again(): void {
    setTimeout(connect, 1000);
  }

  function connect(): void {
    let text = "";
    let timer: ReturnType<typeof setInterval> | null = null;
    Bun.connect({
      hostname,
      port,
      socket: {
        open(socket) {
          socket.write("tally\n");
          timer = setInterval(() => socket.write("tally\n"), 2000);
        },
        data(_, chunk) {
          text += chunk.toString("latin1");
          for (;;) {
            const end = text.startsWith("\n") ? 0 : text.indexOf("\n\n");
            if (end < 0) break;
            const lines = text.slice(0, end).split("\n");
            text = text.slice(end + (end === 0 ? 1 : 2));
            for (const line of lines) {
              const [shortcode, count] = line.split(" ");
              if (shortcode !== undefined && count !== undefined) votes.set(shortcode, Number(count));
            }
          }
        },
        close() {
          if (timer !== null) clearInterval(timer);
          again();
        },
        error(_, error) {
          console.error(`tally connection: ${error.message}`);
        },
      },
    }).catch((error: unknown) => {
      console.error(`tally connection: ${error instanceof Error ? error.message : String(error)}`);
      again();
    });
  }

  connect();
  return { votes };
}
