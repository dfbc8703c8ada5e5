// Planted faults of src/verify.
export default [
  {
    fault: 'a file without cases passes',
    file: 'src/verify/folder.ts',
    from: 'if (cases.length === 0) throw',
    to: 'if (cases.length < 0) throw',
  },
];
