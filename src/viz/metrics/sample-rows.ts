/** Rows of numbers of one length, kept in few large arrays: an array per series would cost more than what it holds. */

/** Rows per array. */
const chunkRows = 1024;

export class SampleRows {
  /** Numbers per row. */
  readonly width: number;
  private readonly chunks: Float32Array[] = [];
  private readonly free: number[] = [];
  private used = 0;

  constructor(width: number) {
    this.width = width;
  }

  /** A row full of NaN. */
  take(): number {
    const row = this.free.pop() ?? this.used++;
    const chunk = (this.chunks[Math.floor(row / chunkRows)] ??= new Float32Array(chunkRows * this.width));
    const at = this.offset(row);
    chunk.fill(Number.NaN, at, at + this.width);
    return row;
  }

  /** Gives a row back. Whoever still has its number must not use it. */
  release(row: number): void {
    this.free.push(row);
  }

  get(row: number, index: number): number {
    return this.chunks[Math.floor(row / chunkRows)]![this.offset(row) + index]!;
  }

  set(row: number, index: number, value: number): void {
    this.chunks[Math.floor(row / chunkRows)]![this.offset(row) + index] = value;
  }

  private offset(row: number): number {
    return (row % chunkRows) * this.width;
  }
}
