// <tabraft-log>: the newest entries of this server's log. What is committed
// and applied is told by mark and word, not by colour alone.

import type { LogEntry, State } from "../api";
import { button, h, say, set } from "../dom";
import { live } from "../live";
import { compactedWords, count, grouped } from "../words";

/** Entries shown; older ones leave the table. */
const shown = 200;
/** Rows are changed at most at this rate, in milliseconds for each: under load
 * the table must not take the time that the server needs. */
const restPerRow = 3;
/** Nearer to the end than this, in pixels, the table follows new entries. */
const nearEnd = 24;
/** Terms are told apart by this many tints in turn. */
const termTints = 6;

interface Row { element: HTMLTableRowElement; state: HTMLTableCellElement; term: number }

export class LogTable extends HTMLElement {
  #rows = new Map<number, Row>();
  #body = h("tbody");
  #scroller = h("div", { class: "scroller", tabindex: 0, role: "region", "aria-label": "Log of this server" });
  #summary = h("p", { class: "summary" });
  #before = h("p", { class: "before" });
  #newer = button("Newest ↓", () => this.#toEnd(), { class: "newer" });
  /** Entries up to here were committed when last fetched: they never change. */
  #settled = 0;
  #drawn = "";
  #follow = true;
  #notBefore = 0;
  #timer = 0;

  connectedCallback(): void {
    const heading = ["Index", "Term", "Entry", "State"].map((name) => h("th", { scope: "col" }, name));
    this.#scroller.append(this.#before, h("table", { role: "table" },
      h("caption", { class: "offscreen" }, "Newest entries of this server's log"),
      h("thead", {}, h("tr", {}, ...heading)), this.#body));
    this.#newer.hidden = this.#before.hidden = true;
    this.append(h("header", {}, h("h2", {}, "Log of this tab"), this.#summary), this.#scroller, this.#newer);
    this.#scroller.addEventListener("scroll", () => {
      const { scrollTop, clientHeight, scrollHeight } = this.#scroller;
      this.#follow = scrollTop + clientHeight >= scrollHeight - nearEnd;
      this.#newer.hidden = this.#follow;
    }, { passive: true });
    new ResizeObserver(() => { if (this.#follow) this.#toEnd(); }).observe(this.#scroller);
    live.watch((state) => this.#draw(state));
  }

  #draw(state: State): void {
    const now = `${state.role === "stopped"} ${state.term} ${state.snapshotIndex} ${state.firstIndex} ${state.lastIndex} ${state.commitIndex} ${state.lastApplied}`;
    if (now === this.#drawn || this.#timer) return;
    const rest = this.#notBefore - performance.now();
    if (rest > 0) {
      this.#timer = window.setTimeout(() => {
        this.#timer = 0;
        if (live.state && !document.hidden) this.#draw(live.state);
      }, rest);
      return;
    }
    this.#drawn = now;
    const first = Math.max(state.firstIndex, state.lastIndex - shown + 1, 1);
    // A restarted server may know less to be committed than before it crashed.
    this.#settled = Math.min(this.#settled, state.commitIndex);
    const from = Math.max(first, this.#settled + 1);
    const entries = state.lastIndex >= from ? live.api!.log(from, state.lastIndex) : [];
    this.#forget(first, state.lastIndex);
    for (const entry of entries) this.#put(entry);
    this.#notBefore = performance.now() + entries.length * restPerRow;
    for (const [index, row] of this.#rows) this.#mark(row, index, state);
    this.#settled = state.commitIndex;
    this.#summarise(state, first);
    if (this.#follow) this.#toEnd();
  }

  /** Drops the rows that are no longer in the part of the log shown. */
  #forget(first: number, last: number): void {
    for (const [index, row] of this.#rows) {
      if (index >= first && index <= last) continue;
      row.element.remove();
      this.#rows.delete(index);
    }
  }

  #put(entry: LogEntry): void {
    const old = this.#rows.get(entry.index);
    const text = entry.text || { command: "", noop: "start of term", configuration: "configuration" }[entry.kind];
    const state = h("td", { class: "state" });
    const element = h("tr", { "data-kind": entry.kind },
      h("td", { class: "number" }, String(entry.index)),
      h("td", { class: "number" }, h("span", { class: "term", "data-tint": entry.term % termTints }, String(entry.term))),
      h("td", { class: "entry", title: text }, ...(entry.kind === "command" ? [] : [h("span", { class: "kind" }, entry.kind === "noop" ? "no-op" : "members")]), text),
      state);
    if (old) old.element.replaceWith(element);
    else this.#body.append(element);
    this.#rows.set(entry.index, { element, state, term: entry.term });
  }

  #mark(row: Row, index: number, state: State): void {
    const mark = index <= state.lastApplied ? "applied" : index <= state.commitIndex ? "committed" : "uncommitted";
    set(row.element, "data-mark", mark);
    say(row.state, { applied: "✓ applied", committed: "● committed", uncommitted: "○ not committed" }[mark]);
  }

  #summarise(state: State, first: number): void {
    const open = state.lastIndex - state.commitIndex;
    say(this.#summary, state.lastIndex === 0 ? "empty"
      : `${count(state.lastIndex - state.firstIndex + 1, "entry", "entries")}${state.firstIndex > 1 ? ` from ${grouped(state.firstIndex)} on` : ""}, ${open <= 0 ? "all committed" : `${open} not committed`}`);
    const hidden = first > state.firstIndex ? `Entries ${grouped(state.firstIndex)}–${grouped(first - 1)} are not shown.` : "";
    say(this.#before, [compactedWords(state), hidden].filter(Boolean).join(" "));
    this.#before.hidden = this.#before.textContent === "";
  }

  #toEnd(): void {
    this.#follow = true;
    this.#newer.hidden = true;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }
}
