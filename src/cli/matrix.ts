import { type Command, Option } from 'commander';
import { DataError } from '../errors.ts';
import { jsonText } from '../json.ts';
import { compatibilityMatrix, matrixMarkdown, matrixText, renewDocument } from '../report/matrix.ts';
import { readFile } from '../study/runs/files.ts';
import { type CommonOptions, wholeNumber, withCommonOptions, withJsonSwitch, writeResult } from './common.ts';
import { print } from './terminal.ts';

interface MatrixOptions extends CommonOptions {
  readonly actions: number;
  readonly json?: boolean;
  readonly markdown?: boolean;
  readonly check?: string;
  readonly write?: string;
}

/** Registers `matrix`: which estimators go with which distributions. */
export function matrixCommand(program: Command): void {
  const printing = ['json', 'markdown', 'actions'];
  const command = program
    .command('matrix')
    .description('show which estimator goes with which action distribution, and what is missing elsewhere')
    .option('--actions <n>', 'coordinates of an action, or choices', wholeNumber(1, 65_536), 1)
    .addOption(new Option('--markdown', 'print it as Markdown').conflicts('json'))
    .addOption(
      new Option('--check <file>', 'fail unless the generated parts of a document are up to date').conflicts([
        ...printing,
        'write',
      ]),
    )
    .addOption(new Option('--write <file>', 'renew the generated parts of a document').conflicts(printing));
  withCommonOptions(withJsonSwitch(command)).action(run);
}

async function run({ actions, json, markdown, check, write }: MatrixOptions): Promise<void> {
  const file = check ?? write;
  if (file === undefined) {
    const matrix = compatibilityMatrix(actions);
    if (json) print(jsonText(matrix, 'The matrix', { indent: 2 }));
    else print(markdown ? matrixMarkdown(matrix) : matrixText(matrix));
    return;
  }
  const text = await readFile(file, 'utf8');
  const renewed = renewDocument(text, file);
  if (check !== undefined && renewed !== text) {
    throw new DataError(`The generated parts of '${file}' are out of date.`, {
      hint: `Renew them with: divergrad matrix --write ${file}`,
    });
  }
  if (write !== undefined && renewed !== text) {
    await writeResult(file, renewed);
  }
  const state = renewed === text ? 'up to date' : 'renewed';
  print(`${file}: ${state}`);
}
