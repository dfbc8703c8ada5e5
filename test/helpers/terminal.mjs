// Loaded before a program (node --import): its outputs pass for a terminal of so many columns, whatever they lead to.
const columns = Number(process.env.TEST_COLUMNS);
for (const stream of [process.stdout, process.stderr])
  Object.defineProperties(stream, { isTTY: { value: true }, columns: { value: columns } });
