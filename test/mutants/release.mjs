// Planted faults of release and of what a page needs of the backends.
export default [
  {
    fault: 'of two versions of a package in the command line only one is in the notices',
    file: 'release/notices.mjs',
    from: '/^.*node_modules\\/(?:@[^/]+\\/)?[^/]+(?=\\/)/',
    to: '/^.*?node_modules\\/(?:@[^/]+\\/)?[^/]+(?=\\/)/',
  },
  {
    fault: 'a release takes a changelog that does not know its version',
    file: 'release/release.mjs',
    from: "require(read('CHANGELOG.md').includes(",
    to: "require(true || read('CHANGELOG.md').includes(",
  },
  {
    fault: 'pictures of the README lead to pages about them',
    file: 'release/release.mjs',
    from: 'isPicture(to) ?',
    to: '!isPicture ?',
  },
  {
    fault: 'where WebAssembly may not be compiled, auto fails',
    file: 'src/backend/wasm/module.ts',
    from: 'return await WebAssembly.compile(bytes);',
    to: 'return WebAssembly.compile(bytes);',
  },
  {
    fault: 'a page that says "not found" is taken for kernels',
    file: 'src/backend/wasm/module.ts',
    from: 'bytes.length < 8 ||',
    to: 'bytes.length < 0 &&',
  },
];
