// What goes out is data to whoever reads it: no formula of a spreadsheet, no command of a terminal, no broken XML; and where
// it cannot go is said before any work.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { csvOf, escaped, printable, xmlText } from '../../src/report/text.ts';
import { readStudy } from '../../src/study/config.ts';
import { runDefaults } from '../../src/study/runs/settings.ts';
import { command } from '../helpers/command.ts';
import { writeStudy } from '../helpers/study-folder.ts';

const test = suite('outputs');
const root = mkdtempSync(join(tmpdir(), 'divergrad-outputs-'));
test.after(() => rmSync(root, { recursive: true }));

test('a text that a spreadsheet would compute has an apostrophe before it; numbers are numbers', () => {
  const texts = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', ' =1', '\r\n=1', '＝1', '=HYPERLINK("x","y")'];
  for (const text of texts) {
    const cell = csvOf([{ a: text }]).slice(2, -1);
    const held = cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell;
    assert.is(held, `'${text}`);
  }
  assert.is(
    csvOf([{ a: -1.5, b: 'reverse-kl/score', c: Number.NaN, d: undefined }]),
    'a,b,c,d\n-1.5,reverse-kl/score,,\n',
  );
  // Rows may have fields of their own.
  assert.is(csvOf([{ a: 1 }, { b: '=x' }]), "a,b\n1,\n,'=x\n");
});

test('XML and HTML hold no character that they may not', () => {
  const all = Array.from({ length: 0x110 }, (_, i) => String.fromCharCode(i)).join('');
  for (const text of [xmlText(all), escaped(all)]) assert.not.match(text, /(?![\t\n\r])\p{Cc}/u);
  assert.is(xmlText('a\0b\u001bc\uFFFEd'), 'a\uFFFDb\uFFFDc\uFFFDd');
  // A pair is one character, and half of one is none.
  assert.is(xmlText('😀\uD83D\uDE00\uD83D x \uDE00'), '😀😀\uFFFD x \uFFFD');
  assert.is(escaped('<a b="c" d=\'e\'>&'), '&#60;a b=&#34;c&#34; d=&#39;e&#39;&#62;&#38;');
});

test('a terminal gets no command out of a name, and JSON stays what it was', () => {
  assert.is(printable('a\u001b[31mb\u0007\u009b1m\r\u007f'), 'a\\u001b[31mb\\u0007\\u009b1m\\u000d\\u007f');
  assert.is(printable('\u202Eevil\u2069'), '\\u202eevil\\u2069');
  assert.is(printable('lines\nand\ttabs, é and 😀'), 'lines\nand\ttabs, é and 😀');
  const value = { name: 'a\u001b[2J\u009b\u202Eb\n' };
  assert.equal(JSON.parse(printable(JSON.stringify(value))), value);
});

test('names in files are shown on the terminal and drawn as texts', async () => {
  const folder = join(root, 'names');
  const name = '=cmd()\u001b]0;title\u0007\0<b>';
  writeStudy(folder, [{ estimator: name, final: -200, noise: 5 }], { seeds: 2, title: 'A\0 title\u001b[2J' });
  const { code, stdout, stderr } = await command('report', folder, '--resamples', '100', '--baseline', name);
  assert.is(code, 0, stderr);
  assert.not.match(stdout, /[^\n\x20-\x7E]/);
  assert.match(stdout, /=cmd\(\)\\u001b\]0;title\\u0007/);
  const out = join(folder, 'report');
  const written = readdirSync(out);
  assert.ok(written.some((file) => file.endsWith('.svg')) && written.includes('report.html'));
  for (const file of written.filter((each) => !each.endsWith('.csv') && !each.endsWith('.json')))
    assert.not.match(readFileSync(join(out, file), 'utf8'), /(?![\t\n\r])\p{Cc}/u, file);
  const csv = readFileSync(join(out, 'scores.csv'), 'utf8');
  assert.match(csv, /,'=cmd/);
  assert.not.match(csv, /,=cmd/);
  // A message that quotes a name is one line of text too.
  const wrong = await command('train', '--env', 'a\u001b[31mb');
  assert.match(wrong.stderr, /Unknown environment 'a\\u001b\[31mb'/);
});

test('a byte-order mark is none of the value', async () => {
  const study = 'estimators: [reverse-kl/pathwise]\nenvironments: [pendulum]\n';
  assert.equal(readStudy(`\uFEFF${study}`), readStudy(study));
  const json = JSON.stringify({ estimators: ['reverse-kl/pathwise'], environments: ['pendulum'] });
  assert.equal(readStudy(`\uFEFF${json}`), readStudy(study));
  const folder = join(root, 'marked');
  writeStudy(folder, [{ estimator: 'reverse-kl/pathwise', final: -200, noise: 5 }], { seeds: 2 });
  const mark = (file: string) => writeFileSync(file, `\uFEFF${readFileSync(file, 'utf8')}`);
  mark(join(folder, 'study.json'));
  for (const run of readdirSync(join(folder, 'runs')))
    for (const file of ['config.json', 'result.json']) mark(join(folder, 'runs', run, file));
  const { code, stderr } = await command('report', folder, '--resamples', '100', '--json');
  assert.is(code, 0, stderr);
  const golden = join(root, 'golden');
  mkdirSync(golden);
  writeFileSync(join(golden, 'optim.json'), `\uFEFF${readFileSync('test/golden/optim.json', 'utf8')}`);
  writeFileSync(join(golden, '._optim.json'), '\0\0');
  assert.is((await command('verify', golden, '--json')).code, 0);
});

test('verify does not pass where nothing was compared', async () => {
  const folder = join(root, 'empty');
  mkdirSync(folder);
  const document = JSON.parse(readFileSync('test/golden/optim.json', 'utf8'));
  const verified = async (change: object) => {
    writeFileSync(join(folder, 'optim.json'), JSON.stringify({ ...document, ...change }));
    return command('verify', folder);
  };
  assert.is((await verified({})).code, 0);
  const none = await verified({ cases: [] });
  assert.equal([none.code, /optim\.json holds no cases/.test(none.stderr)], [1, true], none.stderr);
  const [first] = document.cases;
  const unknown = await verified({ cases: [{ ...first, name: 'nothing/known' }] });
  assert.is(unknown.code, 1, unknown.stdout);
});

test('a place where nothing can be written is named before any work', async () => {
  const file = join(root, 'a file');
  writeFileSync(file, '');
  const [below, folder] = [join(file, 'below', 'x'), join(root, 'a folder')];
  mkdirSync(folder);
  const config = join(root, 'study.yaml');
  writeFileSync(
    config,
    'estimators: [reverse-kl/pathwise]\nenvironments: [pendulum]\nsettings: { backend: cpu }\n',
  );
  const study = join(root, 'reported');
  writeStudy(study, [{ estimator: 'reverse-kl/pathwise', final: -200, noise: 5 }], { seeds: 2 });
  const cpu = ['--backend', 'cpu'];
  const refused: readonly (readonly string[])[] = [
    ['train', '--env', 'pendulum', ...cpu, '--out', below],
    ['train', '--env', 'pendulum', ...cpu, '--out', file],
    ['study', config, '--out', below],
    ['study', config, '--out', join(root, 'never'), '--report', below],
    ['report', study, '--out', below],
    ['quality', '--quick', '--out', below],
    ['bench', '--quick', ...cpu, '--json', below],
    ['bench', '--quick', ...cpu, '--json', folder],
    ['bench', '--quick', ...cpu, '--json', join(root, 'no folder', 'x.json')],
    ['bench', '--quick', ...cpu, '--scaling', 'batch', '--out', below],
    ['play', join(root, 'policy.json'), '--render', join(below, 'x.svg')],
    ['play', join(root, 'policy.json'), '--render', below],
  ];
  for (const args of refused) {
    const { code, stdout, stderr } = await command(...args);
    const said = `${args.join(' ')}: ${stderr}`;
    assert.is(code, 1, said);
    assert.is(stdout, '', said);
    assert.match(
      stderr,
      /^divergrad: Nothing can be written to '.*': .*\. Name another place; nothing has been done yet\.\n$/,
    );
  }
  assert.ok(!readdirSync(root).includes('never'));
  assert.equal(readdirSync(folder), []);
  // What is there already, or can be made, is no hindrance.
  const good = await command('study', config, '--out', join(root, 'far', 'below'), '--dry-run');
  assert.is(good.code, 0);
  assert.match(good.stdout, new RegExp(`--steps ${runDefaults.steps} `));
});

test.run();
