// <tabraft-map>: the replicated map as this server has applied it.

import type { State } from "../api";
import { h, say } from "../dom";
import { live } from "../live";
import { count } from "../words";

/** Keys shown; of a larger map the first ones, in order. */
const shown = 200;
/** Fetching the whole map may take at most this share of the page's time. */
const largestShare = 0.05;

interface Row { element: HTMLTableRowElement; value: HTMLTableCellElement }

export class MapTable extends HTMLElement {
  #rows = new Map<string, Row>();
  #body = h("tbody");
  #summary = h("p", { class: "summary" });
  #empty = h("p", { class: "empty" }, "Nothing stored yet. Try ", h("code", {}, "put colour green"), ".");
  #drawn = "";
  #notBefore = 0;
  #timer = 0;

  connectedCallback(): void {
    this.append(
      h("header", {}, h("h2", {}, "The map"), this.#summary),
      h("div", { class: "scroller", tabindex: 0, role: "region", "aria-label": "The map" }, this.#empty,
        h("table", { role: "table" }, h("caption", { class: "offscreen" }, "Keys and values as this server has applied them"),
          h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Key"), h("th", { scope: "col" }, "Value"))), this.#body)));
    live.watch((state) => this.#draw(state));
  }

  #draw(state: State): void {
    const now = `${state.lastApplied} ${state.role === "stopped"}`;
    if (now === this.#drawn || this.#timer) return;
    const began = performance.now();
    if (began < this.#notBefore) {
      this.#timer = window.setTimeout(() => {
        this.#timer = 0;
        if (live.state && !document.hidden) this.#draw(live.state);
      }, this.#notBefore - began);
      return;
    }
    const first = this.#drawn === "";
    this.#drawn = now;
    this.#show(live.api!.entries(), first);
    this.#notBefore = performance.now() + (performance.now() - began) / largestShare;
  }

  #show(entries: Record<string, string>, quietly: boolean): void {
    const keys = Object.keys(entries).sort();
    const visible = new Set(keys.slice(0, shown));
    for (const [key, row] of this.#rows) {
      if (visible.has(key)) continue;
      row.element.remove();
      this.#rows.delete(key);
    }
    let previous: Element | null = null;
    for (const key of visible) {
      const row = this.#rows.get(key) ?? this.#add(key);
      const value = entries[key]!;
      if (row.value.textContent !== value) {
        say(row.value, value);
        row.value.title = value;
        row.element.classList.remove("changed");
        if (!quietly) requestAnimationFrame(() => row.element.classList.add("changed"));
      }
      const place: Element | null = previous ? previous.nextElementSibling : this.#body.firstElementChild;
      if (place !== row.element) this.#body.insertBefore(row.element, place);
      previous = row.element;
    }
    this.#empty.hidden = keys.length > 0;
    say(this.#summary, keys.length > shown ? `first ${shown} of ${count(keys.length, "key")}` : count(keys.length, "key"));
  }

  #add(key: string): Row {
    const value = h("td", { class: "value" });
    const row = { element: h("tr", {}, h("th", { scope: "row", title: key }, key), value), value };
    this.#rows.set(key, row);
    return row;
  }
}
