// The lab's page: the course's tests on the student's Raft. Everything that takes time
// runs in Workers (program.ts); this thread only shows it.

import { button, h, say, set } from "../dom";
import { applyTheme, nextTheme, theme } from "../theme";
import { Program, runLimit, silenceLimit } from "./program";
import { Queue } from "./queue";
import { follow, type Status, type Test } from "./status";
import { TestRow, type RowActions } from "./test-row";

/** Seeds that the page chooses are short enough to read out. */
const seedRange = 1_000_000;
/** The most runs of a test that may be asked for at once. */
const manyMost = 1000;

applyTheme();
customElements.define("lab-test", TestRow);

const worker = document.querySelector<HTMLMetaElement>('meta[name="lab-worker"]')!.content;
const cores = Math.max(1, Math.min(navigator.hardwareConcurrency || 1, 16));

let status: Status | null = null;
let program: Program | undefined;
let address = ""; // of program
const rows = new Map<string, TestRow>();

const title = h("span", { class: "package" });
const build = h("p", { class: "build", role: "status" });
const lines = h("pre", { tabindex: 0, role: "region", "aria-label": "What the compiler says" });
const trouble = h("section", { class: "trouble", "aria-label": "Build" }, build, lines);
const runAll = button("Run all", () => all(1), { class: "primary" });
const manyAll = button("Many seeds", () => all(many()));
const stop = button("Stop", () => stopAll(), { class: "danger" });
const count = h("input", { type: "number", min: 1, max: manyMost, value: 20, "aria-label": "Runs of each test for Many seeds" });
const width = h("input", { type: "number", min: 1, max: cores, value: cores, "aria-label": "Workers for Many seeds" });
const summary = h("p", { class: "summary", role: "status" });
const bar = h("progress", { max: 1, value: 0, "aria-label": "Runs done" });
const tests = h("main");
const look = button("", () => labelTheme(nextTheme()), { class: "quiet" });
const labelTheme = (name: string) => say(look, `Theme: ${name}`);
labelTheme(theme());

document.body.append(
  h("header", {},
    h("h1", {}, "tabraft lab ", title),
    h("nav", { class: "actions" }, h("a", { href: "/lab/room" }, "Run it in tabs"), h("a", { href: "/" }, "tabraft"), look)),
  trouble,
  h("section", { class: "controls", "aria-label": "Runs" },
    h("div", { class: "actions" }, runAll, manyAll,
      h("label", {}, count, " seeds"), h("label", {}, width, ` of ${cores} Workers`), stop),
    h("div", { class: "done" }, summary, bar)),
  tests,
  h("footer", {}, `A run is stopped after ${silenceLimit / 1000} s without a sign of life, and after ${runLimit / 1000} s in any case. `,
    "Tests run in virtual time, and a seed gives the same run each time here; a native run of that seed can differ. ",
    "Here all goroutines share one thread, which hides data races: go test -race finds those."));

let planned = 0, done = 0;
const queue = new Queue(1, () => drawSoon());

/** Adds runs of a test. */
function enqueue(test: Test, seed: number, open = false): void {
  const row = rows.get(test.id)!, using = program;
  if (!using) return;
  if (queue.idle) planned = done = 0;
  planned++;
  row.wait();
  queue.add(async () => {
    row.begin();
    try {
      row.end(await using.run(test.id, seed, actions.link(test, seed), queue.signal));
      if (open) row.open();
    } catch (error) {
      row.end(undefined);
      if (!(error instanceof DOMException)) throw error;
    }
    done++;
  });
}

const actions: RowActions = {
  run: (test, seed) => {
    queue.width = 1;
    rows.get(test.id)!.clear();
    enqueue(test, seed ?? randomSeed());
  },
  many: (test) => {
    queue.width = workers();
    rows.get(test.id)!.clear();
    const first = randomSeed();
    for (let i = 0; i < many(); i++) enqueue(test, first + i);
  },
  link: (test, seed) => `${location.origin}${location.pathname}#test=${test.id}&seed=${seed}`,
};

function all(times: number): void {
  queue.width = times > 1 ? workers() : 1;
  const first = randomSeed();
  for (const row of rows.values()) row.clear();
  for (let i = 0; i < times; i++) for (const test of status?.tests ?? []) enqueue(test, first + i);
}

function stopAll(): void {
  queue.stop();
  for (const row of rows.values()) row.forget();
}

const randomSeed = () => 1 + Math.floor(Math.random() * seedRange);
const bounded = (input: HTMLInputElement, most: number) => Math.max(1, Math.min(Math.floor(Number(input.value)) || 1, most));
const many = () => bounded(count, manyMost);
const workers = () => bounded(width, cores);

/** The test and the seed that the address names, if it does. */
function asked(): { test: Test; seed: number } | undefined {
  const fields = new URLSearchParams(location.hash.slice(1));
  const test = status?.tests?.find((t) => t.id === fields.get("test"));
  const seed = Number(fields.get("seed"));
  if (!test || !Number.isSafeInteger(seed) || seed < 1) return undefined;
  return { test, seed };
}

function runAsked(): void {
  const it = asked();
  if (!it || !program) return;
  queue.width = 1;
  rows.get(it.test.id)!.clear();
  enqueue(it.test, it.seed, true);
}
window.addEventListener("hashchange", runAsked);

follow("/lab/status", (now) => {
  status = now ?? status;
  if (now?.tests && rows.size === 0) layOut(now.tests);
  drawBuild(now);
  if (now && now.program !== "" && now.program !== address) void load(now.program);
});

async function load(from: string): Promise<void> {
  address = from;
  try {
    const module = await WebAssembly.compileStreaming(fetch(from));
    if (address !== from) return;
    const first = !program;
    program = new Program(module, worker);
    set(document.documentElement, "data-program", from);
    if (first) runAsked();
  } catch (error) {
    if (address === from) address = "";
    say(build, `The program could not be loaded: ${String(error)}`);
  }
  draw();
}

function layOut(list: Test[]): void {
  for (const part of new Set(list.map((t) => t.part))) {
    const section = h("div", { role: "list", "aria-label": `Part ${part}` });
    for (const test of list.filter((t) => t.part === part)) {
      const row = document.createElement("lab-test") as TestRow;
      row.show(test, actions);
      rows.set(test.id, row);
      section.append(row);
    }
    tests.append(h("h2", {}, `Part ${part}`), section);
  }
}

function drawBuild(now: Status | null): void {
  if (status) {
    say(title, status.package);
    title.title = status.folder;
  }
  say(lines, now?.failed ?? "");
  lines.hidden = lines.textContent === "";
  set(trouble, "data-state", !now || now.failed ? "failed" : "good");
  if (!now) say(build, "The lab's server does not answer. Is tabraft lab serve still running?");
  else if (now.failed && now.program) say(build, "The package does not compile as it is now. The last good build stays.");
  else if (now.failed) say(build, "The package does not compile.");
  else if (now.building) say(build, now.program ? "Building again…" : "Building…");
  else say(build, "Built.");
}

// Thousands of runs can be added at once: they are drawn once.
let drawing = false;
function drawSoon(): void {
  if (drawing) return;
  drawing = true;
  queueMicrotask(() => {
    drawing = false;
    draw();
  });
}

function draw(): void {
  const ready = program !== undefined;
  runAll.disabled = manyAll.disabled = !ready || !queue.idle;
  stop.disabled = queue.idle;
  const list = [...rows.values()];
  const ran = list.filter((r) => r.runs > 0), failed = ran.filter((r) => r.failed);
  const runs = ran.reduce((n, r) => n + r.runs, 0), passed = ran.reduce((n, r) => n + r.passed, 0);
  let text = ready ? "Ready." : "";
  if (runs > 0) {
    text = `${ran.length - failed.length} of ${ran.length} tests passed`;
    if (runs > ran.length) text += `, ${passed} of ${runs} runs (${(100 * passed / runs).toFixed(1)}%)`;
    if (!queue.idle) text += `; ${queue.left} to go`;
    else text += ".";
  }
  say(summary, text);
  bar.max = Math.max(1, planned);
  bar.value = queue.idle ? bar.max : done;
  bar.hidden = queue.idle;
}
setInterval(() => {
  for (const row of rows.values()) if (row.state() === "running") row.draw();
}, 500);
draw();
