// What an estimator needs, how good its gradient is, and with which distributions it goes.
import {
  chooseEstimator,
  distributionFamilies,
  distributionFamily,
  missingNeeds,
  needTitles,
} from 'divergrad';

for (const name of ['reverse-kl/pathwise', 'forward-kl/snis', 'mpo/decoupled']) {
  const choice = chooseEstimator(name);
  const works = distributionFamilies.filter((family) => missingNeeds(choice.needs, family).length === 0);
  console.log(`${choice.name}: ${choice.quality}${choice.bias ? `, bias ${choice.bias}` : ''}`);
  console.log(`  formula  ${choice.estimator.formula}`);
  console.log(`  source   ${choice.estimator.source}`);
  console.log(`  needs    ${choice.needs.map((need) => needTitles[need]).join('; ')}`);
  console.log(`  works    ${works.map((family) => family.name).join(', ')}`);
}

const missing = missingNeeds(chooseEstimator('reverse-kl/pathwise').needs, distributionFamily('categorical'));
if (!missing.includes('rsample')) throw new Error('A categorical policy has no reparameterised samples.');
