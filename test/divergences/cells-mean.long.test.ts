// The mean of each estimated gradient against the exact one, where it takes long.
import { test } from 'uvu';
import { meanCases } from './cells-mean-setting.ts';

for (const { name, check } of meanCases.filter(({ long }) => long)) test(name, check);

test.run();
