// <lab-test>: one test, how its runs went, and the report of one of them.

import { button, h, say, set } from "../dom";
import type { Outcome } from "./program";
import type { Test } from "./status";

/** How many failing seeds are listed. */
const seedsShown = 20;

export type RowState = "idle" | "waiting" | "running" | "passed" | "failed" | "skipped";

/** What a row asks of the page. */
export interface RowActions {
  run(test: Test, seed?: number): void;
  many(test: Test): void;
  /** The address that repeats a run. */
  link(test: Test, seed: number): string;
}

const words: Record<RowState, string> = {
  idle: "not run", waiting: "waiting", running: "running", passed: "✓ passed", failed: "✗ failed", skipped: "skipped",
};

export class TestRow extends HTMLElement {
  #test!: Test;
  #actions!: RowActions;
  #state = h("span", { class: "state" });
  #rate = h("span", { class: "rate" });
  #time = h("span", { class: "time" });
  #line = h("pre", { class: "line", tabindex: 0 });
  #again = button("", () => this.#actions.run(this.#test, this.#shown?.seed));
  #link = h("a", { class: "link" }, "link");
  #report = block("Report and trace");
  #output = block("Printed by the Raft");
  #seeds = h("p", { class: "seeds" });
  #shown: Outcome | undefined;
  #waiting = 0;
  #running = 0;
  #begun = 0;
  #passed = 0;
  #runs = 0;
  #failing: number[] = [];

  show(test: Test, actions: RowActions): void {
    [this.#test, this.#actions] = [test, actions];
    this.setAttribute("role", "listitem");
    this.id = `test-${test.id}`;
    const name = `${test.name} ${test.part}`;
    this.append(
      h("div", { class: "head" },
        h("h3", {}, test.name), h("span", { class: "title" }, test.title),
        this.#state, this.#rate, this.#time),
      this.#line,
      h("div", { class: "actions" },
        button("Run", () => actions.run(test), { "aria-label": `Run ${name}` }),
        button("Many seeds", () => actions.many(test), { "aria-label": `Run ${name} with many seeds` }),
        this.#again, this.#link),
      this.#seeds, this.#report.details, this.#output.details);
    this.draw();
  }

  get passedEveryTime(): boolean { return this.#runs > 0 && this.#passed === this.#runs; }
  get failed(): boolean { return this.#runs > this.#passed && this.#shown?.verdict !== "skipped"; }
  get runs(): number { return this.#runs; }
  get passed(): number { return this.#passed; }

  /** Forgets the results, as before the first run. */
  clear(): void {
    this.#passed = this.#runs = 0;
    this.#failing = [];
    this.#shown = undefined;
    this.draw();
  }

  wait(): void {
    // One of thousands of runs changes nothing that is shown.
    if (this.#waiting++ === 0) this.draw();
  }

  begin(): void {
    this.#waiting--;
    if (this.#running++ === 0) this.#begun = performance.now();
    this.draw();
  }

  /** A run has ended; undefined if it was stopped. */
  end(outcome: Outcome | undefined): void {
    this.#running--;
    if (outcome) {
      this.#runs++;
      if (outcome.verdict !== "failed") this.#passed++;
      else this.#failing.push(outcome.seed);
      // The first failure is what is worth reading.
      if (!this.#shown || this.#shown.verdict !== "failed" || this.#runs === 1) this.#shown = outcome;
    }
    this.draw();
  }

  /** What waited is not going to run. */
  forget(): void { this.#waiting = 0; this.draw(); }

  /** Opens the report, for those who came by a link. */
  open(): void {
    this.#report.details.open = true;
    this.scrollIntoView({ block: "start" });
  }

  state(): RowState {
    if (this.#running > 0) return "running";
    if (this.#waiting > 0) return "waiting";
    if (!this.#shown) return "idle";
    return this.#failing.length > 0 ? "failed" : this.#shown.verdict;
  }

  draw(): void {
    const state = this.state(), shown = this.#shown;
    set(this, "data-state", state);
    say(this.#state, words[state]);
    say(this.#rate, this.#runs > 1 ? `${this.#passed} of ${this.#runs} passed` : "");
    let time = "";
    if (state === "running") time = `${((performance.now() - this.#begun) / 1000).toFixed(0)} s`;
    else if (shown) time = `${shown.took.toFixed(1)} s`;
    say(this.#time, time);
    this.#line.hidden = this.#again.hidden = this.#link.hidden = !shown;
    this.#seeds.hidden = this.#failing.length < 2;
    this.#report.show(shown?.verdict === "failed" ? shown.report : "");
    this.#output.show(shown && shown.output.text !== "" ? shown.output.text : "",
      shown && shown.output.dropped > 0 ? `(${shown.output.dropped} lines before these are left out)\n` : "");
    if (!shown) return;
    set(this, "data-digest", shown.digest);
    say(this.#line, shown.line);
    say(this.#again, `Run again with seed ${shown.seed}`);
    set(this.#link, "href", this.#actions.link(this.#test, shown.seed));
    set(this.#link, "aria-label", `Link to ${this.#test.name} with seed ${shown.seed}`);
    if (this.#failing.length > 1) {
      const links = this.#failing.slice(0, seedsShown).flatMap((seed) =>
        [" ", h("a", { href: this.#actions.link(this.#test, seed) }, String(seed))]);
      const more = this.#failing.length > seedsShown ? [` and ${this.#failing.length - seedsShown} more`] : [];
      this.#seeds.replaceChildren("Failing seeds:", ...links, ...more);
    }
  }
}

/** A text that can be opened. */
function block(title: string) {
  const pre = h("pre", { tabindex: 0, role: "region", "aria-label": title });
  const details = h("details", {}, h("summary", {}, title), pre);
  return {
    details,
    show(text: string, before = ""): void {
      details.hidden = text === "";
      say(pre, before + text);
    },
  };
}
