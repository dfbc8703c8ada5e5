// A terminal's screen as text: what a reader sees after the bytes that a program wrote.

/** Keeps every row, those that have scrolled off included. */
export class Screen {
  private readonly cells: string[][] = [[]];
  private row = 0;
  private column = 0;
  private wraps = true;
  /** The last of a row is written, and the next character begins another: as terminals wrap. */
  private full = false;
  private saved: readonly [row: number, column: number] = [0, 0];

  constructor(readonly columns: number) {}

  /** The rows as they stand, without blanks at their ends. */
  get rows(): string[] {
    return this.cells.map((row) =>
      Array.from(row, (cell) => cell ?? ' ')
        .join('')
        .trimEnd(),
    );
  }

  /** @param watch called after each change, with the row that was written to */
  feed(bytes: string, watch: (row: string) => void = () => undefined): this {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it reads
    for (const [piece] of bytes.matchAll(/\x1b\[[\d;?]*[A-Za-z]|\x1b\d|[\s\S]/gu)) {
      if (piece.startsWith('\x1b')) this.obey(piece);
      else this.put(piece);
      watch(this.rows[this.row]);
    }
    return this;
  }

  private put(character: string): void {
    if (character === '\r') this.moveTo(0);
    else if (character === '\n') this.nextRow();
    else {
      if (this.full && this.wraps) this.nextRow();
      this.cells[this.row][this.column] = character;
      this.full = this.column === this.columns - 1;
      if (!this.full) this.column++;
    }
  }

  private nextRow(): void {
    this.row++;
    this.cells[this.row] ??= [];
    this.moveTo(0);
  }

  private moveTo(column: number): void {
    this.column = column;
    this.full = false;
  }

  private obey(sequence: string): void {
    const count = Number(/\d+/.exec(sequence)?.[0] ?? Number.NaN);
    const line = this.cells[this.row];
    const meaning: Readonly<Record<string, () => void>> = {
      G: () => this.moveTo((count || 1) - 1),
      K: () => {
        line.length = Math.min(line.length, count === 2 ? 0 : this.column);
      },
      J: () => {
        line.length = Math.min(line.length, this.column);
        this.cells.length = this.row + 1;
      },
      h: () => this.wrap(count, true),
      l: () => this.wrap(count, false),
      m: () => undefined,
      '7': () => {
        this.saved = [this.row, this.column];
      },
      '8': () => {
        this.row = this.saved[0];
        this.moveTo(this.saved[1]);
      },
    };
    const act = meaning[sequence.slice(-1)];
    if (!act) throw new Error(`The screen does not know ${JSON.stringify(sequence)}.`);
    act();
  }

  private wrap(mode: number, on: boolean): void {
    if (mode === 7) this.wraps = on;
  }
}
