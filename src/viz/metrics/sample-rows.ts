/** Rows of numbers of one length, kept in few large arrays: an array per series would cost more than what it holds. */

/** Rows per array. */
const chunkRows = 1024;

export class SampleRows {
  /** Numbers per row. */
  readonly width: number;
  private readonly chunks: Float32Array[] = [];
  /** Exact numbers of each row beside its samples. */
  private readonly states: Float64Array[] = [];
  private readonly stateWidth: number;
  private readonly free: number[] = [];
  private used = 0;

  /** `stateWidth`: exact numbers per row. */
  constructor(width: number, stateWidth: number) {
    this.width = width;
    this.stateWidth = stateWidth;
  }

  /** A row full of NaN. */
  take(): number {
    const row = this.free.pop() ?? this.used++;
    const chunk = (this.chunks[Math.floor(row / chunkRows)] ??= new Float32Array(chunkRows * this.width));
    this.states[Math.floor(row / chunkRows)] ??= new Float64Array(chunkRows * this.stateWidth);
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

  getState(row: number, index: number): number {
    return this.states[Math.floor(row / chunkRows)]![(row % chunkRows) * this.stateWidth + index]!;
  }

  setState(row: number, index: number, value: number): void {
    this.states[Math.floor(row / chunkRows)]![(row % chunkRows) * this.stateWidth + index] = value;
  }

  private offset(row: number): number {
    return (row % chunkRows) * this.width;
  }
}
