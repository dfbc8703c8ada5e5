/** Item `i` of a list. @throws RangeError that says of what there is none, where there is none */
export function at<T>(
  list: { readonly length: number; readonly [i: number]: T },
  i: number,
  what: string,
): T {
  const item = list[i];
  if (item === undefined) throw new RangeError(`${what} ${i}: there are ${list.length}`);
  return item;
}
