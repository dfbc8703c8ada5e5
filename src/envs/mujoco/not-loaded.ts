import { UsageError } from '../../errors.ts';

/** The error for a task that is made before its engine is there. */
export const notLoaded = (): UsageError =>
  new UsageError('The MuJoCo engine is not loaded.', {
    hint: 'Await prepareEnvironment(name) before makeEnvironment(name).',
  });
