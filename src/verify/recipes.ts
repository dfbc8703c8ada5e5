import { actorRecipe, criticRecipe, temperatureRecipe, trajectoryRecipe } from './actor-critic.ts';
import { closedFormRecipe, momentsRecipe } from './bias.ts';
import { cuboRecipe, fDivergenceRecipe, renyiPathwiseRecipe, renyiScoreRecipe } from './bounds.ts';
import { composeRecipe } from './compose.ts';
import {
  betaQuantileRecipe,
  betaRecipe,
  categoricalRecipe,
  fullGaussianRecipe,
  gaussianRecipe,
  laplaceRecipe,
  mixtureRecipe,
  studentTRecipe,
  tanhGaussianRecipe,
} from './distributions.ts';
import { pathwiseRecipe, scoreRecipe, snisRecipe, stlRecipe } from './estimators.ts';
import { discreteRecipe } from './exact.ts';
import { adamRecipe, mlpRecipe, polyakRecipe } from './networks.ts';
import { operationRecipe } from './ops.ts';
import type { Recipe } from './recipe.ts';
import { awrRecipe, momentRecipe, mpoExpectationRecipe, mpoMaximisationRecipe } from './regression.ts';

/** Every kind of golden case that the library computes; what none of these computes is not built yet. */
export const recipes: readonly Recipe[] = [
  operationRecipe,
  composeRecipe,
  mlpRecipe,
  adamRecipe,
  polyakRecipe,
  gaussianRecipe,
  tanhGaussianRecipe,
  categoricalRecipe,
  laplaceRecipe,
  fullGaussianRecipe,
  betaRecipe,
  betaQuantileRecipe,
  studentTRecipe,
  mixtureRecipe,
  pathwiseRecipe,
  stlRecipe,
  scoreRecipe,
  snisRecipe,
  renyiPathwiseRecipe,
  renyiScoreRecipe,
  cuboRecipe,
  fDivergenceRecipe,
  discreteRecipe,
  mpoExpectationRecipe,
  mpoMaximisationRecipe,
  awrRecipe,
  momentRecipe,
  closedFormRecipe,
  momentsRecipe,
  criticRecipe,
  actorRecipe,
  temperatureRecipe,
  trajectoryRecipe,
];
