// The console's language: one command a line, words parted by spaces, quotes
// around what has spaces in it.

/** A word of a line, and whether it was in quotes. */
export interface Word { text: string; quoted: boolean }

/** A command that was understood: an order to the server, or one to the
 * console itself. */
export type Command = Order | { name: "clear" } | { name: "help" };

/** A command that the server carries out. */
export type Order =
  | { name: "put"; key: string; value: string }
  | { name: "get"; key: string }
  | { name: "cas"; key: string; old: string | null; value: string }
  | { name: "delete"; key: string }
  | { name: "remove" | "cut" | "heal" | "transfer"; server: string }
  | { name: "removal"; seconds: number }
  | { name: "snapshot" | "crash" | "restart" | "isolate" | "rejoin" };

/** Form and meaning of each command, as `help` lists them. */
export const manual: readonly [form: string, meaning: string][] = [
  ["put KEY VALUE", "set a key"],
  ["get KEY", "read a key as it is now, without a log entry"],
  ["cas KEY OLD NEW", "set a key only if its value is OLD; nothing stands for an absent key"],
  ["delete KEY", "remove a key"],
  ["crash", "this server loses its memory and keeps its storage"],
  ["restart", "start it again"],
  ["cut NAME", "block the link to a server; heal NAME mends it"],
  ["isolate", "cut all links of this server; rejoin mends them"],
  ["transfer NAME", "have a server lead"],
  ["snapshot", "put this server's map in the place of its log"],
  ["remove NAME", "take a server out of the cluster"],
  ["removal SECONDS", "remove servers silent for so long; removal off for never"],
  ["clear", "empty this console"],
];

const forms = new Map(manual.map(([form]) => [form.split(" ", 1)[0]!, form]));
forms.set("heal", "heal NAME");

/** Parts a line into words. "a \"b\" c" may be written "a 'b' c" too; a
 * backslash inside double quotes keeps the next character as it is. */
export function words(line: string): Word[] {
  const found: Word[] = [];
  let current: Word | undefined;
  let quote = "";
  for (let i = 0; i < line.length; i++) {
    const c = line[i]!;
    if (quote) {
      if (c === quote) quote = "";
      else if (c === "\\" && quote === '"' && i + 1 < line.length) current!.text += line[++i]!;
      else current!.text += c;
    } else if (c === '"' || c === "'") {
      current ??= { text: "", quoted: true };
      current.quoted = true;
      quote = c;
    } else if (/\s/.test(c)) {
      if (current) found.push(current);
      current = undefined;
    } else {
      current ??= { text: "", quoted: false };
      current.text += c;
    }
  }
  if (quote) throw new Error(`a quote ${quote} is not closed`);
  if (current) found.push(current);
  return found;
}

/** Reads a line. Gives undefined for an empty one; what cannot be understood
 * is an Error that says what to write instead. */
export function parse(line: string): Command | undefined {
  const [first, ...rest] = words(line);
  if (!first) return undefined;
  const name = first.text.toLowerCase();
  const args = rest.map((word) => word.text);
  const want = (n: number) => {
    if (args.length === n) return;
    const hint = args.length > n && n > 0 ? " (put quotes around text with spaces)" : "";
    throw new Error(`write: ${forms.get(name) ?? name}${hint}`);
  };
  switch (name) {
    case "put":
      want(2);
      return { name, key: args[0]!, value: args[1]! };
    case "get":
    case "delete":
      want(1);
      return { name, key: args[0]! };
    case "cas": {
      want(3);
      const absent = rest[1]!.text === "nothing" && !rest[1]!.quoted;
      return { name, key: args[0]!, old: absent ? null : args[1]!, value: args[2]! };
    }
    case "remove":
    case "cut":
    case "heal":
    case "transfer":
      // Names have two words, and need no quotes here.
      if (args.length === 0) want(1);
      return { name, server: args.join(" ") };
    case "removal": {
      want(1);
      const seconds = args[0]!.toLowerCase() === "off" ? 0 : Number(args[0]);
      if (!(seconds === 0 || seconds >= 1)) throw new Error("write: removal SECONDS, at least 1, or removal off");
      return { name, seconds };
    }
    case "snapshot":
    case "crash":
    case "restart":
    case "isolate":
    case "rejoin":
      want(0);
      return { name };
    case "clear":
    case "help":
      want(0);
      return { name };
  }
  throw new Error(`there is no command "${first.text}"; help lists them`);
}

/** Finds the server that a name, or the start of an id, stands for. */
export function findServer<S extends { id: string; name: string }>(servers: readonly S[], text: string): S {
  const named = servers.filter((server) => server.name.toLowerCase() === text.toLowerCase());
  const matching = named.length > 0 ? named : servers.filter((server) => text !== "" && server.id.startsWith(text));
  if (matching.length === 1) return matching[0]!;
  const names = servers.map((server) => server.name).join(", ");
  throw new Error(matching.length === 0
    ? `no server is called "${text}"; there are ${names}`
    : `"${text}" fits several servers; write more of the id: ${matching.map((server) => server.id).join(", ")}`);
}
