// Nodes of a quadrature that gather around centres: u_i with y(u_i) = y(−reach) + i·step, where
// y(u) = Σ_k weight_k·(asinh((u − centre_k)/scale_k) − asinh((u − centre_k)/far_k)). One invocation walks along a lane. A node
// lies some parts r_i of a step short of that, as floats go: its neighbours' lengths make up for it, whose logarithms are
// log(step/y′(u_i)) + ½(r_{i−1} − r_{i+1}).

// A node is found where y is within this part of a step of what is wanted, as close as float32 can tell: one more step of
// Newton's method follows.
const CLOSE = 1e-4;
// Less than this part of u is not told apart.
const ROUNDING = 2.4e-7;

// y(u) and its slope. Both asinh are one logarithm, odd in the distance.
fn measure(lane: u32, u: f32) -> vec2f {
  var sum = vec2f(0.0);
  for (var k = 0u; k < params.centres; k++) {
    let at = k * params.lanes + lane;
    let distance = u - centre[at];
    let size = abs(distance);
    let near = sqrt(size * size + scale[at] * scale[at]);
    let away = sqrt(size * size + far[at] * far[at]);
    let part = safe_log((size + near) / (size + away) * (far[at] / scale[at]));
    sum += weight[at] * vec2f(select(part, -part, distance < 0.0), 1.0 / near - 1.0 / away);
  }
  return sum;
}

fn run(lane: u32) {
  if (lane >= params.lanes) {
    return;
  }
  let last = reach[lane];
  let low = measure(lane, -last);
  let step = (measure(lane, last).x - low.x) / f32(params.count);
  var u = -last;
  var length = step / low.y;
  var growth = 1.0;
  nodes[lane] = u;
  // Of the node before and of the one before that: how short, and of the former log(step/y′).
  var short = vec2f(0.0);
  var plain = safe_log(length);
  for (var i = 1u; i < params.count; i++) {
    let wanted = low.x + f32(i) * step;
    var lower = u;
    var upper = last;
    u = min(u + length * growth, last);
    var slope = 0.0;
    var now = 0.0;
    var moved = infinity();
    for (var k = 0u; k < MOST; k++) {
      let here = measure(lane, u);
      slope = here.y;
      let gap = wanted - here.x;
      if (gap >= 0.0) {
        lower = u;
      } else {
        upper = u;
      }
      let newton = u + gap / slope;
      let before = u;
      // By halves where Newton's method leaves the bracket or does not slow down.
      let converges = newton >= lower && newton <= upper && abs(newton - u) <= 0.5 * moved;
      u = select(0.5 * (lower + upper), newton, converges);
      now = (gap - (u - before) * slope) / step;
      moved = abs(u - before);
      if ((converges && abs(gap) <= CLOSE * step) || !(moved > ROUNDING * abs(u))) {
        break;
      }
    }
    let item = i * params.lanes + lane;
    growth = sqrt(step / slope / length);
    length = step / slope;
    nodes[item] = u;
    logLength[item - params.lanes] = plain + 0.5 * (short.y - now);
    short = vec2f(now, short.x);
    plain = safe_log(length);
  }
  logLength[(params.count - 1u) * params.lanes + lane] = plain + 0.5 * short.y;
}
