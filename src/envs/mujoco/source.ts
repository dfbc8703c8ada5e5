// Where the engine's package comes from.

/** Loads the package `@mujoco/mujoco`, whose default export starts an engine. */
export type MujocoLoader = () => Promise<{ readonly default: unknown }>;

let loader: MujocoLoader = () => import('@mujoco/mujoco');

/**
 * Says how the package `@mujoco/mujoco` is loaded; needed only where a bundler has made a page, which leaves it out (esbuild
 * cannot bundle it for a page without `external: ['module']`). Call it before the first task is prepared:
 *
 *     mujocoFrom(() => import('@mujoco/mujoco'));
 */
export function mujocoFrom(load: MujocoLoader): void {
  loader = load;
}

/** The package's default export; undefined where a bundler has left it out. */
export const mujocoPackage = async (): Promise<unknown> => (await loader()).default;
