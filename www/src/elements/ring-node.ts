// One server on the ring: its disc with the term inside, the arc of its timer,
// its name and role.

import type { Member, State } from "../api";
import { say, set, svg } from "../dom";
import type { Place, Point, Side } from "../ring-geometry";
import { linkWords, logSentence, logWords, progressWords, removalWords, staleWords, standing, voteWords } from "../words";

/** A server that was last heard this long ago, in milliseconds, has no arc. */
const silence = 2500;

export class RingNode {
  readonly element = svg("g", { class: "node", role: "button", tabindex: 0 });
  at: Point = { x: 0, y: 0 };
  radius = 0;
  #crowded = false;
  #em = 0;
  #side: Side = "below";
  #focus = svg("circle", { class: "focus" });
  #halo = svg("circle", { class: "halo" });
  #disc = svg("circle", { class: "disc" });
  #track = svg("circle", { class: "track" });
  #arc = svg("circle", { class: "arc", pathLength: 100, transform: "rotate(-90)" });
  #term = svg("text", { class: "term", dy: "0.36em", "aria-hidden": "true" });
  #name = svg("text", { class: "name", "aria-hidden": "true" });
  #role = svg("text", { class: "role", "aria-hidden": "true" });
  /** What is most worth knowing of it: when it is removed, how it votes, that it
   * lags, or how far its log is. */
  #note = svg("text", { class: "note", "aria-hidden": "true" });

  constructor() {
    this.element.append(this.#focus, this.#halo, this.#disc, this.#track, this.#arc, this.#term, this.#name, this.#role, this.#note);
  }

  /** Moves the server to its place. */
  place(at: Place, radius: number, em: number, crowded: boolean): void {
    this.#crowded = crowded;
    this.at = at;
    this.radius = radius;
    set(this.element, "transform", `translate(${at.x.toFixed(1)} ${at.y.toFixed(1)})`);
    set(this.#disc, "r", radius - 5);
    set(this.#track, "r", radius);
    set(this.#arc, "r", radius);
    set(this.#halo, "r", radius + 7);
    set(this.#focus, "r", radius + 6);
    this.#term.style.fontSize = `${Math.max(0.8 * em, radius * 0.72)}px`;
    this.#em = em;
    this.#side = at.label;
    this.#stack();
  }

  /** Puts the lines of text that are not empty beside the disc. */
  #stack(): void {
    const texts = [this.#name, this.#role, this.#note].filter((text) => text.textContent !== "");
    const { x, anchor, first, step } = labelPlace(this.#side, this.radius, this.#em, texts.length);
    texts.forEach((text, i) => {
      set(text, "x", x);
      set(text, "y", first + i * step);
      set(text, "text-anchor", anchor);
    });
  }

  /** Shows what is known of the server. */
  draw(member: Member, state: State): void {
    const standingWord = standing(member);
    const term = member.term;
    const alive = member.self ? member.role !== "stopped" : member.reachable;
    set(this.element, "data-colour", member.colour);
    set(this.element, "data-role", alive ? member.role : "gone");
    set(this.element, "data-self", member.self);
    say(this.#term, term === null ? "" : `${term}`);
    say(this.#name, member.name);
    const votes = voteWords(member, state);
    const role = alive && member.role === "leader" ? "★ leader" : member.self && votes ? `${standingWord}, ${votes}` : standingWord;
    const stale = staleWords(member);
    const removal = removalWords(member);
    const urgent = member.self ? "this tab" : removal || stale || votes || progressWords(member, state);
    const note = member.self ? [urgent, logWords(member)].filter(Boolean).join(" · ") : urgent || logWords(member);
    set(this.element, "data-stale", member.stale);
    set(this.element, "data-leaving", member.removalMs !== null);
    // In a crowd a follower is what goes without saying, and one line has to do.
    const line = [role === "follower" ? "" : role, member.self || member.removalMs !== null || member.stale ? urgent : ""].filter(Boolean).join(" · ");
    say(this.#role, this.#crowded ? line : role);
    say(this.#note, this.#crowded ? "" : note);
    this.#stack();
    set(this.element, "aria-label", `${member.name}${member.self ? ", this tab" : `, ${linkWords(member)}`}, ${standingWord}` +
      (term === null ? "" : `, term ${term}`) +
      [logSentence(member), removal, stale, ...(member.self ? [] : [votes, progressWords(member, state)])].filter(Boolean).map((text) => `, ${text}`).join(""));
  }

  /** Draws the arc as it is some milliseconds after the state was taken. */
  tick(member: Member, state: State, later: number): void {
    let share = 0;
    if (member.self) {
      const { kind, remainingMs, totalMs } = state.timer;
      if (kind !== "none" && totalMs > 0 && state.role !== "stopped") share = (remainingMs - later) / totalMs;
    } else if (member.reachable && member.lastSeenMs !== null) {
      share = 1 - (member.lastSeenMs + later) / silence;
    }
    const length = (100 * Math.max(0, Math.min(1, share))).toFixed(1);
    set(this.#arc, "stroke-dasharray", `${length} 100`);
    set(this.#arc, "data-kind", member.self ? state.timer.kind : "heard");
    // A round cap would show an arc of no length as a dot.
    set(this.#arc, "visibility", length === "0.0" ? "hidden" : "visible");
  }
}

/** Where some lines of text stand beside a disc, counted from its centre. */
function labelPlace(side: Side, radius: number, em: number, lines: number): { x: number; anchor: string; first: number; step: number } {
  const step = 1.22 * em;
  const from = radius + 0.8 * em;
  switch (side) {
    case "above":
      return { x: 0, anchor: "middle", first: -from - (lines - 1) * step, step };
    case "below":
      return { x: 0, anchor: "middle", first: from + 0.65 * em, step };
    case "left":
      return { x: -from, anchor: "end", first: 0.33 * em - ((lines - 1) * step) / 2, step };
    case "right":
      return { x: from, anchor: "start", first: 0.33 * em - ((lines - 1) * step) / 2, step };
  }
}
