import { type ParseArgsConfig, parseArgs } from 'node:util';

type Value = string | number | boolean;
type Widened<T> = T extends number ? number : T extends boolean ? boolean : string;

/**
 * The options of a script: each a switch, a whole number or a text, as its default is. Whatever else is given ends the
 * script with 2.
 *
 * @param usage is printed then, and for `--help`
 */
export function optionsOf<T extends Record<string, Value>>(
  defaults: T,
  usage: string,
): { [K in keyof T]: Widened<T[K]> } {
  const kindOf = (value: Value) => ({ type: typeof value === 'boolean' ? 'boolean' : 'string' }) as const;
  const known: ParseArgsConfig['options'] = { help: { type: 'boolean' } };
  for (const [name, value] of Object.entries(defaults)) known[name] = kindOf(value);
  try {
    const { values } = parseArgs({ options: known });
    if (values.help) {
      console.log(usage);
      process.exit(0);
    }
    const read = Object.entries(values).map(([name, value]) => {
      if (typeof defaults[name] !== 'number') return [name, value];
      if (/^\d+$/.test(String(value))) return [name, Number(value)];
      throw new Error(`--${name} is '${value}'; it must be a whole number.`);
    });
    return { ...defaults, ...Object.fromEntries(read) };
  } catch (error) {
    console.error(`divergrad: ${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}
