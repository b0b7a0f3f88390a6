// One run of one test: a Worker with the student's program, and the limits on it.

/** What a Worker is to do. */
export interface Job {
  module: WebAssembly.Module;
  /** Addresses of the scripts. */
  exec: string;
  seeded: string;
  /** runner.Order of raft/lab/runner. */
  order: { test?: string; seed?: string; replay?: string; explain?: string };
}

export interface Printed { text: string; dropped: number }

/** What a Worker posts. */
export type News =
  | { kind: "alive" }
  | { kind: "told"; what: string; json: string }
  | { kind: "output"; output: Printed; errors: Printed }
  | { kind: "exit"; code: number; output: Printed; errors: Printed };

/** How a run ended. */
export interface Outcome {
  test: string;
  seed: number;
  verdict: "passed" | "failed" | "skipped";
  /** One line: the course's, or what is wrong. */
  line: string;
  /** The report; the trace is in it. */
  report: string;
  output: Printed;
  /** Real time, in seconds. */
  took: number;
  digest: string;
}

/** After so many ms without a sign of life a run is stopped: some goroutine loops
 * without ever waiting. */
export const silenceLimit = 10_000;
/** After so many ms a run is stopped in any case. */
export const runLimit = 120_000;
/** How many characters of a report are shown. */
const reportKept = 200_000;

const checkEvery = 500;

/** The parts of runner.Told and runner.Explained that are used here. */
interface Told {
  verdict: "passed" | "failed" | "skipped";
  line: string;
  text: string;
  digest: string;
  failure?: { message: string; finding?: { rule?: string; message?: string } };
}
interface Explained { found: boolean; text: string }

/** The program of a build, and where its helpers are. */
export class Program {
  constructor(readonly module: WebAssembly.Module, readonly worker: string) {}

  /** Runs a test. The signal stops it; then the promise rejects. */
  async run(test: string, seed: number, replay: string, signal: AbortSignal): Promise<Outcome> {
    const begun = performance.now();
    const end = await this.#start({ test, seed: String(seed), replay }, signal);
    const outcome: Outcome = {
      test, seed, verdict: "failed", line: "", report: "", digest: "",
      output: join(end.output, end.errors), took: (performance.now() - begun) / 1000,
    };
    const told = end.told.get("result");
    if (told) {
      const result = JSON.parse(told) as Told;
      outcome.verdict = result.verdict;
      outcome.digest = result.digest;
      outcome.report = shorten(result.text);
      outcome.line = result.verdict === "failed" ? firstLine(result.failure?.message ?? result.text) : (result.line || result.text).trim();
      return outcome;
    }
    const refused = end.told.get("refused");
    if (refused) return { ...outcome, line: JSON.parse(refused) as string };
    if (end.stopped) {
      return { ...outcome, line: end.stopped, report: `  ... FAILED: ${end.stopped}\n  Test ${test}, seed ${seed}. Its Worker was ended.\n  Again:    ${replay}\n` };
    }
    return this.#explain(outcome, end, replay, signal);
  }

  /** Has the program's last words read. */
  async #explain(outcome: Outcome, end: End, replay: string, signal: AbortSignal): Promise<Outcome> {
    const words = end.errors.text.trim() || `it ended with status ${end.code} and said nothing`;
    const reader = await this.#start({ explain: words }, signal);
    const explained = JSON.parse(reader.told.get("crash") ?? '{"found":false,"text":""}') as Explained;
    const text = explained.found ? explained.text : words;
    return {
      ...outcome,
      line: `the program ended: ${firstLine(text)}`,
      report: shorten(`  ... FAILED: the program ended\n  ${text}\n  Again:    ${replay}\n`),
    };
  }

  #start(order: Job["order"], signal: AbortSignal): Promise<End> {
    return new Promise((resolve, reject) => {
      const worker = new Worker(this.worker);
      const end: End = { told: new Map(), stopped: "", code: 0, output: nothing, errors: nothing };
      const begun = performance.now();
      let alive = begun, strikes = 0;
      const finish = (stopped: string) => {
        clearInterval(timer);
        signal.removeEventListener("abort", abort);
        worker.terminate();
        end.stopped = stopped;
        resolve(end);
      };
      const abort = () => {
        finish("stopped");
        reject(new DOMException("stopped", "AbortError"));
      };
      // Two looks in a row: after a sleep of the machine the first one comes before
      // the Worker could say anything.
      const timer = setInterval(() => {
        const now = performance.now();
        strikes = now - alive > silenceLimit ? strikes + 1 : 0;
        if (strikes >= 2) finish(`stopped after ${silenceLimit / 1000} s without a sign of life: a goroutine loops for ever without waiting for anything`);
        else if (now - begun > runLimit) finish(`stopped after ${runLimit / 1000} s of real time`);
      }, checkEvery);
      worker.onmessage = ({ data }: MessageEvent<News>) => {
        switch (data.kind) {
          case "alive":
            alive = performance.now();
            break;
          case "told":
            alive = performance.now();
            end.told.set(data.what, data.json);
            break;
          case "output":
            [end.output, end.errors] = [data.output, data.errors];
            break;
          case "exit":
            [end.code, end.output, end.errors] = [data.code, data.output, data.errors];
            finish("");
        }
      };
      worker.onerror = (event) => {
        event.preventDefault();
        finish(`the Worker failed: ${event.message || "its script did not load"}`);
      };
      signal.addEventListener("abort", abort);
      if (signal.aborted) {
        abort();
        return;
      }
      const job: Job = { module: this.module, exec: "/lab/wasm_exec.js", seeded: "/lab/seeded.js", order };
      worker.postMessage(job);
    });
  }
}

interface End {
  told: Map<string, string>;
  /** Why the Worker was ended, if it was. */
  stopped: string;
  code: number;
  output: Printed;
  errors: Printed;
}

const nothing: Printed = { text: "", dropped: 0 };

function join(a: Printed, b: Printed): Printed {
  return { text: a.text + b.text, dropped: a.dropped + b.dropped };
}

function firstLine(text: string): string {
  const line = text.trim().split("\n", 1)[0]!;
  return line.length > 300 ? line.slice(0, 300) + "…" : line;
}

function shorten(text: string): string {
  const over = text.length - reportKept;
  return over > 0 ? `${text.slice(0, reportKept)}\n(${over} more characters are left out)\n` : text;
}
