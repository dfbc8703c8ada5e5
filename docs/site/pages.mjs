// The pages of the site in their order: what the navigation shows, and what a test holds against the files there are.

/** Sections of the guide and of the rest: [title, [file below docs/ without its ending, title]…]. */
export const sections = [
  {
    title: 'Guide',
    pages: [
      ['guide/install', 'Install'],
      ['guide/first-run', 'First run'],
      ['guide/choosing', 'Choosing an estimator'],
      ['guide/environments', 'Your own environment'],
      ['guide/divergences', 'Your own divergence'],
      ['guide/distributions', 'Your own distribution'],
      ['guide/networks', 'Networks, critics, replay'],
      ['guide/policies', 'Save, load, act'],
      ['policies', 'Policies and PyTorch'],
      ['plugins', 'Plugins'],
      ['guide/browser', 'Pages and workers'],
      ['guide/studies', 'Studies, reports, charts'],
    ],
  },
  {
    title: 'Reference',
    pages: [
      ['commands', 'The command line'],
      ['cli', 'Options of each command'],
      ['terminal', 'Terminal sessions'],
      ['settings', 'Settings of a run'],
      ['training', 'Environments and training'],
      ['backends', 'Backends'],
      ['estimators', 'Estimators'],
      ['matrix', 'Estimators and distributions'],
      ['reference/index', 'Library'],
    ],
  },
  {
    title: 'Findings',
    pages: [
      ['learning', 'What SAC learns'],
      ['study/README', 'The study'],
      ['scaling', 'How updates scale'],
      ['throughput', 'Throughput'],
      ['roofline', 'What limits kernels'],
      ['peers', 'Beside other libraries'],
    ],
  },
  {
    title: 'How it works',
    pages: [
      ['architecture', 'Architecture'],
      ['reliability', 'What is promised'],
      ['runtimes', 'Runtimes and bundlers'],
      ['releases', 'Releases'],
    ],
  },
];

/** Pages outside of the sections: the first one, and the one that runs in the browser. */
export const others = [
  ['index', 'divergrad'],
  ['page', 'Try it'],
];

/** Pages that are made when the site is built, and stand in no repository. */
export const generated = ['reference/'];
