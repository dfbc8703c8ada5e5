// The cotangents of the hidden layers of one or more networks, from the last on: mlp_layer_backward in one dispatch, with an
// invocation for the same rows of all of them, as in mlp_layers_forward.
// @include pass
