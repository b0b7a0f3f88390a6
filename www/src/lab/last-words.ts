// What a Go program said as it ended: why, and where in the student's package.

export interface LastWords {
  /** The line of the panic or fatal error; empty if there is none. */
  why: string;
  /** The innermost function of the package, with file and line; empty if it had no part. */
  where: string;
  /** The goroutine that panicked, or all that was said. */
  text: string;
}

/** Reads the lines that a program printed last. pkg is the student's import path. */
export function lastWords(lines: readonly string[], pkg: string): LastWords {
  const first = lines.findIndex((line) => /^(panic|fatal error): /.test(line));
  if (first < 0) return { why: "", where: "", text: lines.join("\n") };
  const said = lines.slice(first);
  const stack = said.findIndex((line) => line.startsWith("goroutine "));
  if (stack < 0) return { why: said[0]!, where: "", text: said.join("\n") };
  const length = said.slice(stack).findIndex((line) => line === "");
  const frames = length < 0 ? said.slice(stack) : said.slice(stack, stack + length);
  return { why: said[0]!, where: innermost(frames, pkg), text: [said[0]!, ...frames].join("\n") };
}

// Go prints a frame as two lines: the function with its arguments; a tab, file:line and an offset.
function innermost(frames: readonly string[], pkg: string): string {
  for (const [i, line] of frames.entries()) {
    if (!line.startsWith(`${pkg}.`)) continue;
    const name = line.slice(pkg.lastIndexOf("/") + 1).replace(/\((0x|\{|\.\.\.)?[^()]*\)$/, "");
    const place = /([^/\t]+:\d+)( \+0x[0-9a-f]+)?$/.exec(frames[i + 1] ?? "");
    return place ? `${name}, ${place[1]}` : name;
  }
  return "";
}
