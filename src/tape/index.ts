export * from './elementwise.ts';
export * from './grad.ts';
export * from './random.ts';
export * from './state.ts';
export * from './structure.ts';
export * from './tensor.ts';
