// One server on the ring: its disc with the term inside, the arc of its timer,
// its name and role.

import type { Member, State } from "../api";
import { say, set, svg } from "../dom";
import type { Place, Point, Side } from "../ring-geometry";
import { linkWord, standing } from "../words";

/** A server that was last heard this long ago, in milliseconds, has no arc. */
const silence = 2000;

export class RingNode {
  readonly element = svg("g", { class: "node", role: "button", tabindex: 0 });
  at: Point = { x: 0, y: 0 };
  radius = 0;
  #crowded = false;
  #focus = svg("circle", { class: "focus" });
  #halo = svg("circle", { class: "halo" });
  #disc = svg("circle", { class: "disc" });
  #track = svg("circle", { class: "track" });
  #arc = svg("circle", { class: "arc", pathLength: 100, transform: "rotate(-90)" });
  #term = svg("text", { class: "term", dy: "0.36em" });
  #name = svg("text", { class: "name" });
  #role = svg("text", { class: "role" });
  /** "this tab", or how far the log of a server that lags is. */
  #note = svg("text", { class: "note" });

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
    const { x, anchor, lines } = labelPlace(at.label, radius, em);
    [this.#name, this.#role, this.#note].forEach((text, i) => {
      set(text, "x", x);
      set(text, "y", lines[i]!);
      set(text, "text-anchor", anchor);
    });
  }

  /** Shows what is known of the server. */
  draw(member: Member, state: State, term: number | null): void {
    const standingWord = standing(member);
    const alive = member.self ? member.role !== "stopped" : member.reachable;
    set(this.element, "data-colour", member.colour);
    set(this.element, "data-role", alive ? member.role : "gone");
    set(this.element, "data-self", member.self);
    say(this.#term, term === null ? "" : `${term}`);
    say(this.#name, member.name);
    const role = alive && member.role === "leader" ? "★ leader" : standingWord;
    const lags = state.role === "leader" && member.matchIndex !== null && member.matchIndex < state.commitIndex;
    const note = member.self ? "this tab" : lags ? `log ${member.matchIndex} of ${state.lastIndex}` : "";
    // In a crowd a follower is what goes without saying, and one line has to do.
    const line = [role === "follower" ? "" : role, note].filter(Boolean).join(" · ");
    say(this.#role, this.#crowded ? line : role);
    say(this.#note, this.#crowded ? "" : note);
    set(this.element, "aria-label", `${member.name}${member.self ? ", this tab" : `, ${linkWord(member.link)}`}, ${standingWord}` +
      (term === null ? "" : `, term ${term}`));
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

/** Where the name, the role and the note stand, counted from the centre. */
function labelPlace(side: Side, radius: number, em: number): { x: number; anchor: string; lines: number[] } {
  const from = radius + 0.75 * em;
  switch (side) {
    case "above":
      return { x: 0, anchor: "middle", lines: [-from - 1.2 * em, -from, -from - 2.45 * em] };
    case "below":
      return { x: 0, anchor: "middle", lines: [from + 0.65 * em, from + 1.85 * em, from + 3.05 * em] };
    case "left":
      return { x: -from, anchor: "end", lines: [-0.1 * em, 1.1 * em, 2.3 * em] };
    case "right":
      return { x: from, anchor: "start", lines: [-0.1 * em, 1.1 * em, 2.3 * em] };
  }
}
