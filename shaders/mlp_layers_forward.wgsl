// The layers of one or more networks, mlp_layer_forward in one dispatch: an invocation takes rows of its own through all of
// them. So it needs only what it wrote itself, and no barrier.
// @include pass
