import { actorRecipe, criticRecipe, temperatureRecipe, trajectoryRecipe } from './actor-critic.ts';
import { composeRecipe } from './compose.ts';
import {
  betaRecipe,
  categoricalRecipe,
  fullGaussianRecipe,
  gaussianRecipe,
  laplaceRecipe,
  tanhGaussianRecipe,
} from './distributions.ts';
import { pathwiseRecipe, scoreRecipe, snisRecipe } from './estimators.ts';
import { adamRecipe, mlpRecipe, polyakRecipe } from './networks.ts';
import { operationRecipe } from './ops.ts';
import type { Recipe } from './recipe.ts';

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
  pathwiseRecipe,
  scoreRecipe,
  snisRecipe,
  criticRecipe,
  actorRecipe,
  temperatureRecipe,
  trajectoryRecipe,
];
