// Runs one test of the lab with the student's Raft: loads the program, takes
// chance and the clock away from it (seeded.js), runs it, and ends. A Worker runs one
// program, so that nothing of an earlier run can influence a later one.
//
// Gets a Job, and posts News. While Go runs, this thread never comes back to its
// event loop, so nothing is ever sent to it; but what it posts arrives.

import type { Job, News } from "./program";

declare function importScripts(...addresses: string[]): void;

/** How often a sign of life is posted, and, when something was printed, the output
 * so far, in ms. What is printed last before a loop without end can be missing. */
const signEvery = 250;
const outputEvery = 100;
/** What is kept of the program's output: the end, in characters. */
const outputKept = 64 * 1024;

interface Files { writeSync(fd: number, data: Uint8Array): number }
interface GoProgram { importObject: WebAssembly.Imports; exit(code: number): void; run(instance: WebAssembly.Instance): Promise<void> }
const world = globalThis as unknown as {
  fs: Files;
  Go: new () => GoProgram;
  seedEverything(seed: string): void;
  tabraftLab: { order: string; tell(kind: string, json: string): void };
};
const tell = (news: News) => (postMessage as (message: News) => void)(news);

// The clock as it is. seeded.js puts another in its place.
const realNow = performance.now.bind(performance);

onmessage = (event: MessageEvent<Job>) => { void run(event.data); };

async function run(job: Job): Promise<void> {
  importScripts(job.seeded, job.exec);
  const output = new Output(1), errors = new Output(2);
  const write = (fd: number, data: Uint8Array) => {
    (fd === 2 ? errors : output).add(data);
    const now = realNow();
    if (now - sent > outputEvery) {
      sent = now;
      tell({ kind: "output", output: output.all(), errors: errors.all() });
    }
    return data.length;
  };
  let sent = -Infinity;
  world.fs.writeSync = write;
  world.tabraftLab = { order: JSON.stringify(job.order), tell: (kind, json) => tell({ kind: "told", what: kind, json }) };
  world.seedEverything(job.order.seed ?? "1");
  watchClock();
  const go = new world.Go();
  let code = 0;
  go.exit = (status) => { code = status; };
  try {
    const instance = await WebAssembly.instantiate(job.module, go.importObject);
    await go.run(instance);
  } catch (error) {
    errors.add(new TextEncoder().encode(`\n${String(error)}\n`));
    code = -1;
  }
  tell({ kind: "exit", code, output: output.all(), errors: errors.all() });
}

/** Go's scheduler reads the clock all the time; a goroutine that never waits
 * keeps it from that. So a reading is a sign of life. */
function watchClock(): void {
  const seededNow = performance.now.bind(performance);
  let last = realNow();
  const now = () => {
    const t = realNow();
    if (t - last > signEvery) {
      last = t;
      tell({ kind: "alive" });
    }
    return seededNow();
  };
  Object.defineProperty(performance, "now", { value: now, configurable: true });
}

/** Keeps the end of what the program writes, and counts the lines of the rest. */
class Output {
  #text = "";
  #dropped = 0;
  #decoder = new TextDecoder();

  constructor(readonly fd: number) {}

  add(data: Uint8Array): void {
    this.#text += this.#decoder.decode(data, { stream: true });
    if (this.#text.length <= 2 * outputKept) return;
    let cut = this.#text.length - outputKept;
    const line = this.#text.indexOf("\n", cut);
    if (line >= 0) cut = line + 1;
    for (let at = this.#text.indexOf("\n"); at >= 0 && at < cut; at = this.#text.indexOf("\n", at + 1)) this.#dropped++;
    this.#text = this.#text.slice(cut);
  }

  all(): { text: string; dropped: number } { return { text: this.#text, dropped: this.#dropped }; }
}
