// Writes docs/cli.md.
import { writeFileSync } from 'node:fs';
import { cliPage } from './cli-page.ts';

writeFileSync('docs/cli.md', cliPage());
