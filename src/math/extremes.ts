// The extremes of a list of any length: its elements as arguments of Math.min would overflow the stack at some 100,000.

/** The least of the values; Infinity of none, NaN where one is NaN. */
export const minimum = (values: Iterable<number>): number => {
  let least = Number.POSITIVE_INFINITY;
  for (const value of values) least = Math.min(least, value);
  return least;
};

/** The greatest of the values; -Infinity of none, NaN where one is NaN. */
export const maximum = (values: Iterable<number>): number => {
  let most = Number.NEGATIVE_INFINITY;
  for (const value of values) most = Math.max(most, value);
  return most;
};
