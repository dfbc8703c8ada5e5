export default [
  {
    fault: 'the replay buffer wraps one row early',
    file: 'src/rl/replay.ts',
    from: '(this.next + 1) % capacity',
    to: '(this.next + 1) % (capacity - 1)',
  },
  {
    fault: 'a transition with an observation of another length is taken',
    file: 'src/rl/replay.ts',
    from: 'if (values.length !== count)',
    to: 'if (values.length < count)',
  },
];
