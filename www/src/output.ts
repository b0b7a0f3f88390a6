// What a Go program prints, of which the page keeps the end to explain the
// program's. Go writes by window.fs.writeSync, which wasm_exec.js sets.

/** The longest line kept, in characters; the rest of it is left out. */
const longest = 1000;

/** Keeps the lines that a program printed last. Of a panic the first lines say what
 * happened and the rest is where: so from a panic on the first lines are kept, besides
 * the last ones from before it. */
export class LastLines {
  /** Lines that are kept no more, or were never. */
  dropped = 0;
  private readonly decoder = new TextDecoder();
  private before: string[] = [];
  private dying: string[] = [];
  private partial = "";

  /** kept is the number of lines kept, both before a panic and from it on. */
  constructor(private readonly kept: number) {}

  /** Takes what the program wrote. */
  add(data: Uint8Array): void {
    const lines = (this.partial + this.decoder.decode(data, { stream: true })).split("\n");
    this.partial = lines.pop()!.slice(0, longest);
    for (const line of lines) this.line(line.slice(0, longest));
  }

  private line(line: string): void {
    if (/^(panic|fatal error):/.test(line)) {
      for (const earlier of this.dying) this.keep(earlier);
      this.dying = [line];
    } else if (this.dying.length === 0) {
      this.keep(line);
    } else if (this.dying.length < this.kept) {
      this.dying.push(line);
    } else {
      this.dropped++;
    }
  }

  private keep(line: string): void {
    this.before.push(line);
    if (this.before.length > this.kept) {
      this.before.shift();
      this.dropped++;
    }
  }

  /** All lines that are kept. */
  lines(): string[] {
    return [...this.before, ...this.last(this.dying)];
  }

  /** The panic, or else what was printed last. */
  lastWords(): string[] {
    return this.last(this.dying.length > 0 ? this.dying : this.before);
  }

  private last(lines: readonly string[]): string[] {
    return this.partial === "" ? [...lines] : [...lines, this.partial];
  }
}

/** Has LastLines take what the page's program writes; with console the browser's
 * console shows it, too. */
export function keepOutput(kept: number, console: boolean): LastLines {
  const output = new LastLines(kept);
  const files = window.fs;
  if (!files) return output;
  const write = files.writeSync;
  files.writeSync = (fd, data) => {
    output.add(data);
    return console ? write.call(files, fd, data) : data.length;
  };
  return output;
}
