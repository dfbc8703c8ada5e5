// The mean of each estimated gradient against the exact one: equal where the estimator is unbiased, and off by a bias that
// falls like 1/K where it is consistent.
import { test } from 'uvu';
import { meanCases } from './cells-mean-setting.ts';

for (const { name, check } of meanCases.filter(({ long }) => !long)) test(name, check);

test.run();
