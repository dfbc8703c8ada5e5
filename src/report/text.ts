// Texts of unknown origin in documents: nothing in them is markup, a formula or a command.

/** What no XML may hold, not even escaped, or should not: control characters, halves of surrogate pairs, two that are none. */
const notXml = /[\p{Cs}\uFFFE\uFFFF]|(?![\t\n\r])\p{Cc}/gu;

/** A text without what XML cannot hold: each such character is shown as one that cannot be shown. @source XML 1.0, section 2.2 */
export const xmlText = (text: string): string => text.replace(notXml, '\uFFFD');

/** A value as text of HTML or XML, and within its attributes. */
export const escaped = (value: unknown): string =>
  xmlText(String(value)).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

type CsvValue = string | number | boolean | undefined | null;

/**
 * A value as one field of a CSV file. What is absent or no number is empty. A text that a spreadsheet would take for a
 * formula has an apostrophe before it.
 *
 * @source OWASP, "CSV Injection"
 */
function field(value: CsvValue): string {
  if (value === undefined || value === null || (typeof value === 'number' && !Number.isFinite(value)))
    return '';
  const formula = typeof value === 'string' && /^\s*[=+\-@＝＋－＠]|^[\t\r\n]/.test(value);
  const text = `${formula ? "'" : ''}${value}`;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Rows as CSV with a head that has the fields of all. @source RFC 4180 */
export function csvOf(rows: readonly Readonly<Record<string, CsvValue>>[]): string {
  if (rows.length === 0) return '';
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = [names, ...rows.map((row) => names.map((name) => row[name]))];
  return `${lines.map((line) => line.map(field).join(',')).join('\n')}\n`;
}

/** What moves the cursor, colours, rings, or turns the direction of what follows. */
const commands = /(?![\t\n])\p{Cc}|[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu;

/** A text for a terminal: what would be a command to it is shown as JSON would write it, `\u001b`. */
export const printable = (text: string): string =>
  text.replace(commands, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
