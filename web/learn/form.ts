// What the form of Learn asks for: settings of a run by their names, each with what it offers. Runs are short, to be
// watched: the form begins with fewer steps and episodes than `divergrad train`.
import { type RunSettings, type SettingName, settingsTable } from '../../src/study/runs/settings.ts';
import { type Control, logarithmic, number, slider } from '../shell/dom.ts';

interface Offer {
  readonly from: number;
  readonly to: number;
  /** What it begins with; by default as `divergrad train`. */
  readonly first?: number;
  readonly logarithmic?: boolean;
}

/** In the order of the form. */
export const offers = {
  steps: { from: 10, to: 1_000_000, first: 5000 },
  warmup: { from: 1, to: 100_000 },
  evaluateEvery: { from: 10, to: 100_000, first: 500 },
  evaluationEpisodes: { from: 1, to: 50, first: 5 },
  learningRate: { from: 1e-4, to: 1e-2, logarithmic: true },
  seed: { from: 0, to: 1_000_000 },
} satisfies { readonly [K in SettingName]?: Offer };

export type FormName = keyof typeof offers;
/** One training run; what is absent is as in `divergrad train`. */
export type LearnSettings = Pick<RunSettings, 'environment' | 'estimator' | FormName>;

/** A control for each setting of the form, labelled as the setting's help says. */
export function formControls(onChange: () => void): Readonly<Record<FormName, Control<number>>> {
  const controls = Object.entries(offers).map(([name, offer]) => {
    const { help, default: usual } = settingsTable[name as FormName];
    const { from, to, first = usual, logarithmic: powers }: Offer = offer;
    const label = `${help[0].toUpperCase()}${help.slice(1)}`;
    const control = powers
      ? slider(label, first, logarithmic(from, to), onChange)
      : number(label, first, [from, to], onChange);
    return [name, control];
  });
  return Object.fromEntries(controls);
}

/** The form's values, each by `of`. */
export const formValues = <T>(
  controls: Readonly<Record<FormName, Control<number>>>,
  of: (value: number) => T,
): Record<FormName, T> =>
  Object.fromEntries(Object.entries(controls).map(([name, { value }]) => [name, of(value)])) as Record<
    FormName,
    T
  >;
