export * from './activation.ts';
export * from './adam.ts';
export * from './mlp.ts';
