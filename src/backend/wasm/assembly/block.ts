// How a kernel reads its block of parameters: words, in the order of src/kernels, first the byte
// address of each binding (0 when unused), then the fields of `Params`, then what the host has worked out.

@inline export function word(block: usize, index: i32): i32 {
  return i32.load(block + bytes(index));
}
@inline export function address(block: usize, index: i32): usize {
  return <usize>i32.load(block + bytes(index));
}
@inline export function float(block: usize, index: i32): f32 {
  return f32.load(block + bytes(index));
}

/** A number in float64, by its place in units of eight bytes. */
@inline export function double(block: usize, index: i32): f64 {
  return f64.load(block + (<usize>index << 3));
}

/** Bytes of so many words. */
@inline export function bytes(words: i32): usize {
  return <usize>words << 2;
}
