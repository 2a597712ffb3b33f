const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds of a `grpc-timeout` header, for example 1000 for "1S"; null when it is malformed. */
export function parseGrpcTimeout(text: string): number | null {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  if (match === null) return null;
  return Number(match[1]) * units[match[2]!]!;
}

/** A `grpc-timeout` header for a number of ms, in the finest unit that fits into 8 digits; rounded up, so that 0 stays 0. */
export function formatGrpcTimeout(timeout: number): string {
  for (const unit of ["u", "m", "S", "M"]) {
    const count = Math.ceil(Math.max(0, timeout) / units[unit]!);
    if (count < 100_000_000) return `${count}${unit}`;
  }
  return `${Math.min(99_999_999, Math.ceil(timeout / units["H"]!))}H`;
}
