// Planted faults of the site and the examples.
export default [
  {
    fault: 'a link to a heading that is not there is not found',
    file: 'docs/site/dead-links.mjs',
    from: 'hasId(target, hash))',
    to: 'true)',
  },
  {
    fault: 'a page is not in the navigation',
    file: 'docs/site/pages.mjs',
    from: "      ['guide/distributions', 'Your own distribution'],\n",
    to: '',
  },
  {
    fault: 'the page of the command line is narrower than its file',
    file: 'docs/site/cli-page.ts',
    from: 'getOutHelpWidth: () => 100',
    to: 'getOutHelpWidth: () => 80',
  },
  {
    fault: "the README's example does not judge its result",
    file: 'examples/readme.ts',
    from: 'throw new Error(',
    to: 'console.error(',
  },
];
