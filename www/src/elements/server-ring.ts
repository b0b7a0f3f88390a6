// <tabraft-ring>: the servers on a ring, the links between this tab and the
// others, and the messages on them.

import type { Member, MessageEvent, State } from "../api";
import { h, say, set, svg } from "../dom";
import { live } from "../live";
import { MessageDots } from "../message-dots";
import { layOut, way, type Geometry } from "../ring-geometry";
import { membersOf } from "../words";
import { RingNode } from "./ring-node";
import { ServerDetails } from "./server-details";

/** Frames are drawn at most this often, in milliseconds. */
const frameEvery = 32;

export class ServerRing extends HTMLElement {
  #picture = svg("svg", { role: "group", "aria-label": "Servers of the cluster" });
  #ring = svg("ellipse", { class: "ring" });
  #near = h("li", { hidden: true }, h("span", { class: "sign dashdot", "aria-hidden": "true" }), "link inside this browser");
  #links = svg("g", { class: "links" });
  #lines = new Map<string, SVGLineElement>();
  #layer = svg("g");
  #nodes = new Map<string, RingNode>();
  #dots = new MessageDots();
  #details = new ServerDetails();
  #summary = h("p", { class: "summary" });
  #stage = h("div", { class: "stage" });
  #calm = window.matchMedia("(prefers-reduced-motion: reduce)");

  #state: State | undefined;
  #at = 0;
  #members: Member[] = [];
  #geometry: Geometry | undefined;
  #laidOut = "";
  #frame = 0;
  #lastFrame = 0;

  connectedCallback(): void {
    this.#picture.append(this.#ring, this.#links, this.#dots.layer, this.#layer);
    this.#stage.append(this.#picture, this.#details.element);
    const sign = (mark: string, text: string) => h("li", {}, h("span", { class: `sign ${mark}`, "aria-hidden": "true" }), text);
    this.append(h("header", {}, h("h2", {}, "Servers"), this.#summary), this.#stage,
      h("ul", { class: "legend" }, sign("request", "request"), sign("reply", "reply"), sign("vote", "vote"),
        sign("solid", "link"), this.#near, sign("dashed", "connecting"), sign("timer", "timer")));
    new ResizeObserver(() => this.#place()).observe(this.#stage);
    live.watch((state, at) => this.#draw(state, at));
    live.watchMessages((message) => this.#message(message));
    document.addEventListener("visibilitychange", () => {
      this.#dots.clear();
      this.#animate();
    });
    this.#calm.addEventListener("change", () => {
      this.#dots.clear();
      this.#animate();
    });
  }

  #draw(state: State, at: number): void {
    this.#state = state;
    this.#at = at;
    this.#members = membersOf(state);
    const { alive, needed, voters } = state.quorum;
    say(this.#summary, voters === 0 ? "no cluster yet" : `${alive} of ${voters} alive, ${needed} needed`);
    this.#place();
    for (const member of this.#members) {
      this.#nodes.get(member.id)?.draw(member, state);
      const line = this.#lines.get(member.id);
      if (!line) continue;
      set(line, "data-link", member.blocked ? "down" : member.link);
      set(line, "data-transport", member.transport);
    }
    this.#near.hidden = !this.#members.some((member) => member.transport === "broadcast");
    if (this.#details.element.open) this.#details.draw(state, this.#members);
    this.#tick();
    this.#animate();
  }

  /** Puts the servers to their places if their number or the room changed. */
  #place(): void {
    if (!this.#state) return;
    const width = this.#stage.clientWidth;
    const height = this.#stage.clientHeight;
    const em = parseFloat(getComputedStyle(this.#stage).fontSize);
    const now = `${width} ${height} ${em} ${this.#members.map((member) => member.id + member.self).join()}`;
    if (now === this.#laidOut || width === 0) return;
    this.#laidOut = now;
    this.#dots.clear();
    const geometry = this.#geometry = layOut(this.#members.length, width, height, em);
    set(this.#picture, "viewBox", `0 0 ${width} ${height}`);
    for (const [name, value] of Object.entries({ cx: geometry.centre.x, cy: geometry.centre.y, rx: geometry.rx, ry: geometry.ry })) {
      set(this.#ring, name, value);
    }
    const ids = new Set(this.#members.map((member) => member.id));
    for (const [id, node] of this.#nodes) {
      if (ids.has(id)) continue;
      node.element.remove();
      this.#nodes.delete(id);
    }
    this.#members.forEach((member, i) => this.#node(member.id).place(geometry.places[i]!, geometry.radius, em, geometry.crowded));
    this.#drawLinks();
  }

  #node(id: string): RingNode {
    const known = this.#nodes.get(id);
    if (known) return known;
    const node = new RingNode();
    const open = () => {
      if (!this.#state || !this.#geometry) return;
      // The card leaves the server that it is about in sight.
      const side = node.at.x > this.#geometry.centre.x + 1 ? "left" : "right";
      this.#details.toggle(id, side, this.#state, this.#members);
    };
    node.element.addEventListener("click", open);
    node.element.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      open();
    });
    this.#nodes.set(id, node);
    this.#layer.append(node.element);
    return node;
  }

  #drawLinks(): void {
    this.#lines.clear();
    this.#links.replaceChildren();
    const self = this.#nodes.get(this.#state!.id);
    if (!self) return;
    for (const member of this.#members) {
      const node = this.#nodes.get(member.id);
      if (member.self || !node) continue;
      const { from, to } = way(self.at, node.at, node.radius + 4, 0);
      const line = svg("line", { class: "link", x1: from.x, y1: from.y, x2: to.x, y2: to.y });
      this.#lines.set(member.id, line);
      this.#links.append(line);
    }
  }

  #message(message: MessageEvent): void {
    if (!this.#state || this.#calm.matches || document.hidden) return;
    // What is sent where there is no link goes nowhere.
    const peer = this.#members.find((member) => member.id === message.peer);
    if (message.dir === "sent" && (peer?.link !== "open" || peer.blocked)) return;
    this.#dots.add(message, this.#state.id, (id) => this.#nodes.get(id), performance.now());
  }

  /** Moves arcs and dots to where they are now. */
  #tick(): void {
    const state = this.#state;
    if (!state) return;
    const now = performance.now();
    for (const member of this.#members) this.#nodes.get(member.id)?.tick(member, state, now - this.#at);
    this.#dots.move(now);
  }

  /** Keeps drawing while there is somebody to see it who wants motion. */
  #animate(): void {
    if (this.#frame || document.hidden || this.#calm.matches || !this.#geometry) return;
    this.#frame = requestAnimationFrame((now) => {
      this.#frame = 0;
      if (now - this.#lastFrame >= frameEvery - 4) {
        this.#lastFrame = now;
        this.#tick();
      }
      this.#animate();
    });
  }
}
