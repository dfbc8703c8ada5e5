// The table of steps' values: every driver must lay an entry out as the host writes it. A driver that translated an
// entry padded by an attribute otherwise computed zeros.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ENTRY, place, writeEntry } from '../../src/backend/webgpu/place.ts';
import { shaders } from '../../src/backend/webgpu/shaders.ts';
import { joinedKernels, joinedSpec } from '../../src/program/join.ts';
import { kernels } from '../../src/program/kernels.ts';

for (const { name, bindings, params, floats } of [
  ...kernels,
  ...joinedKernels.map((joined) => joinedSpec(joined)),
]) {
  test(`${name}: an entry is words and whole rows without attributes, where the host writes them`, () => {
    const places = bindings.map((_, i) => ({ heap: i % 2, offset: 1000 + i }));
    const values = params.map((_, i) => i + 1);
    const text = place(shaders[name], [64, 64], [{ params: values, places }], 3);
    const body = /struct Entry \{\n([^}]*)\}/.exec(text)?.[1] ?? '';
    const members = [...body.matchAll(/^ {2}(\w+): (.+),$/gm)].map(([, member, type]) => ({ member, type }));
    assert.is(members.length, body.trim().split('\n').length, body);
    const sizeOf = (type: string): number => {
      const rows = /^array<vec4<u32>, (\d+)>$/.exec(type);
      if (!rows) assert.match(type, /^(u32|f32)$/, body);
      return rows ? 16 * Number(rows[1]) : 4;
    };
    const view = new DataView(new ArrayBuffer(ENTRY));
    writeEntry(
      view,
      { params: values, places },
      params.map((param) => (floats ?? []).includes(param)),
    );
    let at = 0;
    let starts = 0;
    for (const { member, type } of members) {
      if (type.startsWith('array')) assert.is(at % 16, 0, 'rows begin at a row');
      const parameter = params.indexOf(member);
      if (parameter >= 0)
        assert.is(
          type === 'f32' ? view.getFloat32(at, true) : view.getUint32(at, true),
          parameter + 1,
          member,
        );
      if (member.endsWith('_start')) assert.is(view.getUint32(at, true), 1000 + starts++, member);
      at += sizeOf(type);
    }
    assert.is(at, ENTRY);
    assert.ok(members.length > 1 && starts > 0);
  });
}

test.run();
