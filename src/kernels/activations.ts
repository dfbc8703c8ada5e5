/** Activations as the kernels number them; gelu is the tanh form. */
export const activations = ['identity', 'relu', 'tanh', 'silu', 'elu', 'softplus', 'gelu'] as const;
/** Name of an activation of hidden layers. */
export type Activation = (typeof activations)[number];

/** Whether the network kernels save the activation's input; of the others they save the output. */
export const savesInput = (kind: Activation): boolean => kind === 'silu' || kind === 'gelu';
