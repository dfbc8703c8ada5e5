// A group of processes whose resident memory Linux limits (cgroups, either version), for whoever may make one.
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The files of a group, by version. */
const versions = [
  {
    root: '/sys/fs/cgroup/memory',
    ...{ limit: 'memory.limit_in_bytes', peak: 'memory.max_usage_in_bytes' },
    ...{ events: 'memory.oom_control', none: '-1' },
  },
  {
    root: '/sys/fs/cgroup',
    ...{ limit: 'memory.max', peak: 'memory.peak', events: 'memory.events', none: 'max' },
  },
] as const;

export class MemoryGroup {
  private constructor(
    readonly folder: string,
    private readonly files: (typeof versions)[number],
  ) {}

  /** @returns undefined where this user may not limit memory */
  static make(name: string): MemoryGroup | undefined {
    for (const files of versions) {
      const folder = join(files.root, name);
      try {
        if (!existsSync(files.root)) continue;
        mkdirSync(folder);
        if (existsSync(join(folder, files.limit))) return new MemoryGroup(folder, files);
        rmdirSync(folder);
      } catch {
        // not ours to make
      }
    }
    return undefined;
  }

  /** What a shell does to become one of the group. */
  get joining(): string {
    return `echo $$ >${join(this.folder, 'cgroup.procs')}; `;
  }

  /** @param bytes undefined: no limit */
  limit(bytes?: number): void {
    const text = bytes === undefined ? this.files.none : String(Math.ceil(bytes));
    writeFileSync(join(this.folder, this.files.limit), text);
  }

  /** Most bytes that the group has held. */
  get peak(): number {
    return Number(readFileSync(join(this.folder, this.files.peak), 'utf8'));
  }

  forgetPeak(): void {
    writeFileSync(join(this.folder, this.files.peak), '0');
  }

  /** Processes that were ended because the group held too much. */
  get ended(): number {
    const text = readFileSync(join(this.folder, this.files.events), 'utf8');
    return Number(/^oom_kill (\d+)/m.exec(text)?.[1]);
  }

  remove(): void {
    rmdirSync(this.folder);
  }
}
