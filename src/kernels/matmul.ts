import { ceilDivide, kernel } from './layout.ts';

/** Rows and columns of y that a workgroup makes. */
export const MATMUL_TILE = { rows: 32, columns: 64 };

/** Elements along an axis with this stride: one where all have the same place. */
const along = (stride: number, extent: number): number => (stride === 0 ? 1 : extent);

/** y = activation(a·b + bias); z receives the sum before the activation when `storeZ` is 1. */
export const matmul = kernel({
  name: 'matmul',
  bindings: { a: 'read', b: 'read', bias: 'read', y: 'write', z: 'write' },
  params: {
    batch: 'u32',
    rows: 'u32',
    columns: 'u32',
    inner: 'u32',
    aOffset: 'u32',
    aBatch: 'u32',
    aRow: 'u32',
    aColumn: 'u32',
    bOffset: 'u32',
    bBatch: 'u32',
    bRow: 'u32',
    bColumn: 'u32',
    biasOffset: 'u32',
    biasBatch: 'u32',
    hasBias: 'choice',
    activation: 'choice',
    storeZ: 'choice',
  },
  grid: ({ batch, rows, columns }) => ({
    workgroups: ceilDivide(columns, MATMUL_TILE.columns) * ceilDivide(rows, MATMUL_TILE.rows) * batch,
  }),
  flops: ({ batch, rows, columns, inner }) => 2 * batch * rows * columns * inner,
  // Weights are a part of all parameters.
  touches: (p) => ({
    a: along(p.aBatch, p.batch) * along(p.aRow, p.rows) * along(p.aColumn, p.inner),
    b: along(p.bBatch, p.batch) * along(p.bRow, p.inner) * along(p.bColumn, p.columns),
    bias: along(p.biasBatch, p.batch) * p.columns,
  }),
  passes: ({ inner }) => inner + ceilDivide(inner, 128) + ceilDivide(inner, 16384) + 80,
  constants: ({ rows = 0, columns = 0 }) => ({
    TILE_ROWS: MATMUL_TILE.rows,
    TILE_COLUMNS: MATMUL_TILE.columns,
    HAS_BOTTOM: Number(rows > 4),
    HAS_RIGHT: Number(columns > 4),
  }),
});
