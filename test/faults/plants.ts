// Faults in the command line itself, which the tries are to find: one that finds none of them would find nothing.
import type { Edit } from '../helpers/edited-cli.ts';
import type { Kind } from './scenarios.ts';

export interface Plant extends Edit {
  readonly name: string;
  /** Which tries are to find it. */
  readonly kind: Kind;
  readonly fault: string;
  readonly found: RegExp;
}

export const plants: readonly Plant[] = [
  {
    name: 'what does not fit on the disk is left out',
    file: 'src/study/runs/whole-file.ts',
    ...{
      from: 'await writeAll(handle, piece);',
      to: 'await writeAll(handle, piece).catch(() => undefined);',
    },
    ...{ kind: 'train', fault: 'at write', found: /differs at|missing|refuses/ },
  },
  {
    name: 'errors of files have no type',
    file: 'src/study/runs/files.ts',
    from: 'return await work();\n  } catch (error) {',
    to: `return await work();
  } catch (error) {
    if (faultOf(error) !== undefined && !isAbsent(error)) throw new Error(String(error));`,
    ...{ kind: 'train', fault: 'EIO at file call', found: /an error without a type/ },
  },
  {
    name: 'a thread that ends is told without a type',
    file: 'src/study/runs/environment-workers.ts',
    ...{ from: 'new EnvironmentError(`A worker of', to: 'new Error(`A worker of' },
    ...{ kind: 'train', fault: 'thread', found: /an error without a type/ },
  },
  {
    name: 'remarks that cannot be written stop a command',
    file: 'src/study/runs/ending.ts',
    ...{ from: 'if (output === this.host.stderr && !this.areOne()) return;', to: '' },
    ...{ kind: 'study', fault: 'standard error: /dev/full', found: /for what changes nothing/ },
  },
  {
    name: 'locks stay',
    file: 'src/study/runs/lock.ts',
    ...{ from: 'const withdraw = () => rm(claim);', to: 'const withdraw = async () => {};' },
    ...{ kind: 'train', fault: 'SIGTERM', found: /left after the disturbed command: .*run\.lock/ },
  },
  {
    name: 'a result that was changed is taken as it is',
    file: 'src/rl/seal.ts',
    ...{ from: 'if (checksum === checksumOf(rest)) return;', to: 'return;' },
    ...{ kind: 'study', fault: 'a bit flipped in', found: /silent difference/ },
  },
];
