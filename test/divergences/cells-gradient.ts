// What the tests of allowed cells do with each: train a step, and compare its gradient with finite differences.
import * as assert from 'uvu/assert';
import type { Update } from '../../src/device.ts';
import type { PolicyLearner } from '../../src/rl/policy-learner.ts';
import {
  currentRecording,
  exp,
  gradient,
  input,
  type Node,
  type Op,
  read,
  reshape,
  stopGradient,
  stopGradientOp,
  type Tensor,
} from '../../src/tape/index.ts';
import { allclose } from '../helpers/allclose.ts';
import { exactDevice, openDevice } from '../helpers/devices.ts';
import {
  batch,
  type Cell,
  freshClock,
  learnerFor,
  plainlySampled,
  problemFor,
  type Stepped,
  trainStep,
  writeProblem,
} from './cells-setting.ts';

/** Nodes that `root` is computed from, in the order of their recording. */
function nodesBelow(root: Node): Node[] {
  const seen = new Set([root]);
  for (const node of seen) for (const tensor of node.inputs) seen.add(tensor.node);
  return [...seen].sort((a, b) => a.id - b.id);
}

const heldName = (i: number): string => `held${i}`;

/** Every constant that a loss was built with: what stopGradient returned. */
const stopped = (loss: Tensor): Tensor[] =>
  nodesBelow(loss.node).flatMap((node) => (node.op === stopGradientOp ? [node.outputs[0]] : []));

/** The same loss with every stopped value replaced by an input: a plain function of the parameters. */
function withHeld(loss: Tensor): Tensor {
  const recording = currentRecording();
  const copies = new Map<Node, readonly Tensor[]>();
  const copied = (tensor: Tensor) => (copies.get(tensor.node) as readonly Tensor[])[tensor.index];
  let held = 0;
  for (const node of nodesBelow(loss.node)) {
    const { op, inputs, attributes, outputs } = node;
    if (op === stopGradientOp) copies.set(node, [input(heldName(held++), outputs[0].shape)]);
    else if (inputs.length === 0) copies.set(node, outputs);
    else copies.set(node, recording.add(op as Op<never>, inputs.map(copied), attributes, []).outputs);
  }
  return copied(loss);
}

/** A cell's loss on a device of its own. */
class CellLoss {
  readonly device = exactDevice();
  private readonly learner: PolicyLearner;
  private readonly clock = freshClock();

  constructor(private readonly cell: Cell) {
    this.learner = learnerFor(cell);
  }

  /** @param plain without kernels that hold samples and weights constant by themselves */
  private record(plain: boolean): Tensor {
    const { learner } = this;
    const { states, target, behaviour, replayedActions } = problemFor(learner, input, { generic: plain });
    const policy = learner.distribution(states);
    const { reference, duals, value } = learner;
    return this.cell.choice.loss({
      policy: plain ? plainlySampled(policy, stopGradient) : policy,
      target,
      samples: learner.samples,
      duals: Object.fromEntries(Object.entries(duals).map(([name, state]) => [name, exp(read(state))])),
      ...(behaviour ? { behaviour: learner.distributionOf(behaviour).detach() } : {}),
      ...(reference ? { reference: learner.distributionOf(reference(states)).detach() } : {}),
      ...(replayedActions ? { replayedActions } : {}),
      ...(value ? { value: stopGradient(reshape(value(states), [batch])) } : {}),
    }).loss;
  }

  /** Every run draws the same noise. */
  private async compile(body: () => Readonly<Record<string, Tensor>>): Promise<Update> {
    const update = await this.device.compile(body, { clock: this.clock });
    writeProblem(update, this.cell);
    return update;
  }

  private run(update: Update): void {
    this.device.write(this.clock, this.clock.initial as Uint32Array);
    update.run();
  }

  /** The gradient by `grad`, and the constants of the loss where it is plain. */
  async gradient(plain: boolean): Promise<{ gradient: Float64Array; held: Record<string, Float64Array> }> {
    const update = await this.compile(() => {
      const loss = this.record(plain);
      const constants = plain ? stopped(loss) : [];
      const held = Object.fromEntries(constants.map((tensor, i) => [heldName(i), tensor]));
      return { ...held, gradient: gradient(loss, this.learner.policy.parameters) };
    });
    this.run(update);
    const values: Record<string, Float64Array> = {};
    for (const name of update.program.outputs.keys())
      values[name] = Float64Array.from(await update.read(name));
    const { gradient: result, ...held } = values;
    return { gradient: result, held };
  }

  /** Central differences in every parameter, with the constants held: pathwise samples move, their noise does not. */
  async differences(held: Readonly<Record<string, Float64Array>>, step = 1e-5): Promise<Float64Array> {
    const { parameters } = this.learner.policy;
    const update = await this.compile(() => ({ loss: withHeld(this.record(true)) }));
    for (const name of update.program.inputs.keys()) if (name in held) update.write({ [name]: held[name] });
    const start = Float64Array.from(await this.device.read(parameters));
    const at = async (i: number, value: number): Promise<number> => {
      this.device.write(parameters, Float64Array.of(value), i);
      this.run(update);
      return update.readScalar('loss');
    };
    const numeric = new Float64Array(start.length);
    for (let i = 0; i < start.length; i++) {
      numeric[i] = ((await at(i, start[i] + step)) - (await at(i, start[i] - step))) / (2 * step);
      this.device.write(parameters, start.subarray(i, i + 1), i);
    }
    return numeric;
  }
}

/** A cell's gradient is that of finite differences, and a recorded step follows it. */
export async function trainsRight(cell: Cell): Promise<void> {
  const loss = new CellLoss(cell);
  const { gradient: asTrained } = await loss.gradient(false);
  const { gradient: plain, held } = await loss.gradient(true);
  const numeric = await loss.differences(held);
  await loss.device.dispose();
  const size = Math.max(...numeric.map(Math.abs));
  assert.ok(size > 1e-6, `the gradient is nearly nothing: ${size}`);
  allclose(plain, numeric, { rtol: 1e-6, atol: 1e-7 * Math.max(1, size) }, 'by finite differences');
  allclose(asTrained, plain, { rtol: 1e-9, atol: 1e-9 * size }, 'as the learner computes it');

  const [single, exact] = [await openDevice(), exactDevice()];
  const [one, reference] = [await trainStep(single, cell), await trainStep(exact, cell)];
  await single.dispose();
  await exact.dispose();
  for (const [name, values] of one.after) assert.ok(values.every(Number.isFinite), name);
  for (const [name, value] of Object.entries({ loss: one.loss, ...one.diagnostics }))
    assert.ok(Number.isFinite(value), `${name}: ${value}`);
  allclose([one.loss], [reference.loss], { rtol: 1e-4, atol: 1e-4 }, 'float32 loss');
  const weights = ({ before, after }: Stepped) =>
    (after.get('policy.parameters') as Float64Array).map(
      (v, i) => v - (before.get('policy.parameters') as Float64Array)[i],
    );
  const [moved, expected] = [weights(one), weights(reference)];
  asTrained.forEach((g, i) => {
    // Adam's first step is the learning rate against the gradient's sign, unless the gradient is only rounding.
    if (Math.abs(g) < 1e-3 * size) return;
    assert.is(Math.sign(expected[i]), -Math.sign(g), `weight ${i}`);
    allclose([moved[i]], [expected[i]], { rtol: 1e-3, atol: 1e-7 }, `float32 step of weight ${i}`);
  });
}
