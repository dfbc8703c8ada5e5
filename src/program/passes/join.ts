import { type JoinedKernel, joinedKernels, MOST_JOINED_BINDINGS, placeOf } from '../../kernels/index.ts';
import { type Draft, isPrivate } from '../draft.ts';
import { bufferOf, type JoinedStep, type KernelStep, type Step } from '../program.ts';
import type { Target } from './pass.ts';

/**
 * Puts neighbouring steps into joined kernels where one fits: one that binds no more buffers than the target, and whose
 * parts leave nothing that others read but the joined kernel would not store.
 */
export function joinKernels(draft: Draft, { joinedBindings }: Target): Draft {
  const most = Math.min(joinedBindings, MOST_JOINED_BINDINGS);
  const fitting = joinedKernels.filter(({ bindings }) => bindings.length <= most);
  const steps: Step[] = [];
  for (let at = 0; at < draft.steps.length; ) {
    const joined = fitting.map((kernel) => tryJoin(kernel, draft, at)).find(Boolean);
    steps.push(joined ?? (draft.steps[at] as Step));
    at += joined ? joined.parts.length : 1;
  }
  return { ...draft, steps };
}

function tryJoin(kernel: JoinedKernel, draft: Draft, at: number): JoinedStep | undefined {
  const end = at + kernel.parts.length;
  const parts = draft.steps.slice(at, end) as KernelStep[];
  const fits =
    parts.length === kernel.parts.length &&
    parts.every((step, i) => step.kind === 'kernel' && step.kernel === kernel.parts[i]?.name) &&
    kernel.accepts(parts.map(({ params }) => params));
  if (!fits) return undefined;
  const bufferAt = (place: Parameters<typeof placeOf>[0]): number => {
    const [part, binding] = placeOf(place);
    return bufferOf(parts[part] as KernelStep, binding);
  };
  if (kernel.links.some(([from, to]) => bufferAt(from) < 0 || bufferAt(from) !== bufferAt(to)))
    return undefined;
  const handedOn = new Set(kernel.links.map(([from]) => bufferAt(from)));
  const staysInside = (buffer: number): boolean => handedOn.has(buffer) && isPrivate(draft, buffer, at, end);
  const bound = Object.values(kernel.from).map((place) => {
    const buffer = bufferAt(place);
    return staysInside(buffer) ? -1 : buffer;
  });
  const complete = parts.every((part) =>
    part.buffers.every((buffer) => buffer < 0 || bound.includes(buffer) || staysInside(buffer)),
  );
  // One buffer may be bound twice to be read, never to be written.
  const isBoundTwice = (buffer: number) => buffer >= 0 && bound.filter((each) => each === buffer).length > 1;
  const clash = kernel.bindings.some(({ access }, i) => access !== 'read' && isBoundTwice(bound[i] ?? -1));
  const params = sharedParams(parts);
  if (!complete || clash || !params) return undefined;
  const names = Object.keys(kernel.from);
  for (const [flag, binding] of Object.entries(kernel.flags))
    params[flag] = Number((bound[names.indexOf(binding)] ?? -1) >= 0);
  return {
    kind: 'joined',
    kernel: kernel.name,
    label: parts.map(({ label }) => label).join(' + '),
    parts,
    params,
    bound,
    shapes: parts[kernel.main]?.shapes ?? '',
    buffers: [...new Set(parts.flatMap((part) => part.buffers))],
  };
}

/** The parameters of all parts; none where two differ about one. */
function sharedParams(parts: readonly KernelStep[]): Record<string, number> | undefined {
  const params: Record<string, number> = {};
  for (const part of parts) {
    for (const [name, value] of Object.entries(part.params)) {
      if (params[name] !== undefined && params[name] !== value) return undefined;
      params[name] = value;
    }
  }
  return params;
}
