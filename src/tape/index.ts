export * from './elementwise.ts';
export * from './grad.ts';
export * from './structure.ts';
export * from './tensor.ts';
