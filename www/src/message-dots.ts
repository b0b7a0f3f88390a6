// Messages as dots that travel along the links: requests filled, replies
// hollow. They are a sample: what must be seen is that servers talk, who asks
// and who answers.

import type { MessageEvent } from "./api";
import { set, svg } from "./dom";
import { clamp, way, type Point } from "./ring-geometry";

/** Dots on the way at one time; further messages are not drawn. */
const most = 28;
/** On one link, in one direction, requests or replies: at most one dot in
 * this many milliseconds. Votes are rare and always drawn. */
const spacing = 140;
/** How long a dot travels, in milliseconds. */
const travel = 520;

interface Dot { element: SVGCircleElement; from: Point; to: Point; began: number }

/** How far to the right of a link its dots run, so that two can pass. */
const lane = (radius: number) => clamp(radius * 0.15, 5, 9);

/** Where a server's disc is; undefined if it is not on the ring. */
type Place = (id: string) => { at: Point; radius: number } | undefined;

export class MessageDots {
  readonly layer = svg("g", { class: "dots" });
  #dots: Dot[] = [];
  #last = new Map<string, number>();

  /** Lets a message travel between this server and the peer. */
  add(message: MessageEvent, self: string, place: Place, now: number): void {
    const here = place(self);
    const there = place(message.peer);
    if (!here || !there || this.#dots.length >= most) return;
    const reply = message.type.endsWith("Reply");
    const vote = message.type.includes("Vote");
    const sort = `${message.peer} ${message.dir} ${reply}`;
    if (!vote && now - (this.#last.get(sort) ?? -spacing) < spacing) return;
    this.#last.set(sort, now);
    const [start, end] = message.dir === "sent" ? [here, there] : [there, here];
    const path = way(start.at, end.at, start.radius + 6, lane(start.radius));
    const element = svg("circle", {
      class: "dot", r: lane(start.radius) * 0.7, "data-reply": reply, "data-vote": vote, cx: path.from.x, cy: path.from.y,
    });
    this.layer.append(element);
    this.#dots.push({ element, ...path, began: now });
  }

  /** Moves the dots on; those that have arrived go. */
  move(now: number): void {
    this.#dots = this.#dots.filter((dot) => {
      const t = (now - dot.began) / travel;
      if (t >= 1) {
        dot.element.remove();
        return false;
      }
      const eased = t * t * (3 - 2 * t);
      set(dot.element, "cx", (dot.from.x + (dot.to.x - dot.from.x) * eased).toFixed(1));
      set(dot.element, "cy", (dot.from.y + (dot.to.y - dot.from.y) * eased).toFixed(1));
      return true;
    });
  }

  /** Takes every dot away, as when the ring is laid out anew. */
  clear(): void {
    for (const dot of this.#dots) dot.element.remove();
    this.#dots = [];
    if (this.#last.size > 200) this.#last.clear();
  }
}
