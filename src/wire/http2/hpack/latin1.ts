/** Buffer's own methods for one byte per character: they skip the encoding lookup of `toString`, and the types lack them. */
interface Latin1 {
  latin1Slice(start: number, end: number): string;
  latin1Write(text: string, offset: number, length: number): number;
}

export function readLatin1(bytes: Buffer, start: number, end: number): string {
  return (bytes as unknown as Latin1).latin1Slice(start, end);
}

export function writeLatin1(out: Buffer, at: number, text: string): void {
  (out as unknown as Latin1).latin1Write(text, at, text.length);
}
