/** The number of an exchange says its case, its way and where it is cut: six digits, so that a cut is at the same place in all. */

export const ways = ["inbound", "pair"] as const;

/** `cut` 0: as a whole. Cuts go up to 999, cases up to 499. */
export const numberOf = (index: number, way: number, cut: number): string =>
  String((index * 2 + way) * 1000 + cut).padStart(6, "0");

export const caseOf = (id: string): number => Math.floor(Number(id) / 2000);
export const cutOf = (id: string): number => Number(id) % 1000;
