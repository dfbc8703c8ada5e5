// Activations by number, in `ACTIVATION`: 0 identity, 1 relu, 2 tanh, 3 silu, 4 elu, 5 softplus, 6 gelu
// (tanh form).

// The argument of gelu's tanh.
fn gelu_inner(z: f32) -> f32 {
  return 0.7978846 * (z + 0.044715 * z * z * z);
}

fn activate(z: f32) -> f32 {
  switch ACTIVATION {
    case 1u: { return relu(z); }
    case 2u: { return safe_tanh(z); }
    case 3u: { return z * sigmoid(z); }
    case 4u: { return elu(z); }
    case 5u: { return softplus(z); }
    case 6u: { return 0.5 * z * (1.0 + safe_tanh(gelu_inner(z))); }
    default: { return z; }
  }
}

// What the backward pass needs: the input of silu and gelu, whose derivative their output does not determine,
// the output of the others.
fn to_save(z: vec4f, y: vec4f) -> vec4f {
  return select(y, z, ACTIVATION == 3u || ACTIVATION == 6u);
}

// The activation's output from what was saved.
fn from_saved(saved: f32) -> f32 {
  if (ACTIVATION == 3u || ACTIVATION == 6u) {
    return activate(saved);
  }
  return saved;
}

// The derivative with respect to the activation's input from what was saved.
fn derivative(saved: f32) -> f32 {
  switch ACTIVATION {
    case 1u: { return select(0.0, 1.0, saved > 0.0); }
    case 2u: { return 1.0 - saved * saved; }
    case 3u: {
      let s = sigmoid(saved);
      return s * (1.0 + saved * (1.0 - s));
    }
    case 4u: { return select(saved + 1.0, 1.0, saved > 0.0); }
    case 5u: { return -expm1(-saved); }
    case 6u: {
      let inner = gelu_inner(saved);
      let slope = 0.7978846 * (1.0 + 0.134145 * saved * saved);
      return 0.5 * (1.0 + safe_tanh(inner)) + 0.5 * saved * sech_squared(inner) * slope;
    }
    default: { return 1.0; }
  }
}
