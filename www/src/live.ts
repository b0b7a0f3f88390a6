// The newest state, and who wants to know when there is a newer one.
//
// Events from the program only mark the state as old; it is fetched a moment
// later, once for all events in between, and not at all while the tab is
// hidden. A slow poll catches what has no event, such as a timer running.

import type { MessageEvent, State, Tabraft } from "./api";

/** Shortest time between two fetches of the state, in milliseconds. */
const shortestGap = 80;
/** The same while more entries than busyEntries come in between two fetches:
 * the server needs the time more than the eye. */
const busyGap = 320;
const busyEntries = 40;
/** A fetch is made at least this often while the tab is visible. */
const pollEvery = 400;
/** A fetch may take at most this share of the page's time. */
const largestShare = 0.1;

type Watcher = (state: State, at: number) => void;

class Live {
  /** The program's calls; undefined until it is up. */
  api: Tabraft | undefined;
  /** The newest state, and the performance.now() of when it was taken. */
  state: State | undefined;
  at = 0;

  #watchers = new Set<Watcher>();
  #messageWatchers = new Set<(message: MessageEvent) => void>();
  #timer = 0;
  #lastCost = 0;
  #busy = false;
  #halted = false;

  /** Calls fn with the state now, if there is one, and whenever it is newer. */
  watch(fn: Watcher): () => void {
    this.#watchers.add(fn);
    if (this.state) fn(this.state, this.at);
    return () => this.#watchers.delete(fn);
  }

  /** Calls fn at each message while the tab is visible. */
  watchMessages(fn: (message: MessageEvent) => void): () => void {
    this.#messageWatchers.add(fn);
    return () => this.#messageWatchers.delete(fn);
  }

  /** Starts with the program up. */
  start(api: Tabraft): void {
    this.api = api;
    const stale = () => this.stale();
    for (const kind of ["role", "term", "leader", "commit", "apply", "peer", "snapshot", "storage", "error"] as const) {
      api.on(kind, stale);
    }
    // The tab's title and icon show the role, also while it is hidden.
    api.on("role", () => { if (document.hidden) this.#fetch(); });
    api.on("message", (message) => {
      if (document.hidden) return;
      for (const fn of this.#messageWatchers) fn(message);
      stale();
    });
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.#fetch(); });
    setInterval(() => {
      if (!document.hidden && performance.now() - this.at >= pollEvery) this.stale();
    }, pollEvery / 2);
    this.#fetch();
  }

  /** Fetches no more: the program has ended. */
  halt(): void { this.#halted = true; }

  /** Says that the state may have changed; it is fetched soon. */
  stale(): void {
    if (this.#timer || document.hidden || this.#halted) return;
    const gap = Math.max(this.#busy ? busyGap : shortestGap, this.#lastCost / largestShare);
    const wait = Math.max(0, this.at + gap - performance.now());
    this.#timer = window.setTimeout(() => {
      this.#timer = 0;
      if (!document.hidden) this.#fetch();
    }, wait);
  }

  #fetch(): void {
    if (!this.api || this.#halted) return;
    const began = performance.now();
    const before = this.state?.lastIndex ?? Infinity;
    this.state = this.api.state();
    this.#busy = this.state.lastIndex - before > busyEntries;
    this.at = performance.now();
    for (const fn of this.#watchers) fn(this.state, this.at);
    this.#lastCost = performance.now() - began;
  }
}

export const live = new Live();
