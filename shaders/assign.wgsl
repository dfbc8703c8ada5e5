// y = x

fn run(item: u32) {
  if (item < params.count) {
    y[item] = x[item];
  }
}
