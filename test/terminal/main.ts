// Writes docs/terminal.md: what train looks like at terminals of 60 and of 120 columns, stopped, and going on.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { terminalDocument } from '../process/terminal-setting.ts';

const folder = mkdtempSync(join(tmpdir(), 'divergrad-sessions-'));
try {
  writeFileSync('docs/terminal.md', await terminalDocument(folder));
} finally {
  rmSync(folder, { recursive: true });
}
