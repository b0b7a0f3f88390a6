// <tabraft-facts>: the figures of this server in one line at the foot, with the
// way to the lab and to the help.

import type { State } from "../api";
import { button, h, say } from "../dom";
import { live } from "../live";
import { bytes, grouped, refusedWords } from "../words";

export class FactsLine extends HTMLElement {
  #list = h("dl");
  #values = new Map<string, HTMLElement>();

  connectedCallback(): void {
    this.setAttribute("role", "contentinfo");
    for (const name of ["cluster", "committed", "applied", "last entry", "snapshot", "signaling", "storage", "refused"]) {
      const value = h("dd", {}, "–");
      this.#values.set(name, value);
      this.#list.append(h("div", {}, h("dt", {}, name), value));
    }
    this.#values.get("refused")!.parentElement!.hidden = true;
    this.append(this.#list, h("a", { href: "/lab/", target: "_blank", rel: "noopener" }, "Raft lab"), button("Keys and help", () => document.querySelector<HTMLElement & { open(): void }>("tabraft-keys")?.open(),
      { class: "quiet", "aria-keyshortcuts": "?" }));
    live.watch((state) => this.#draw(state));
  }

  #draw(state: State): void {
    const { storage } = state;
    const facts: Record<string, string> = {
      "cluster": state.cluster.slice(0, 8) || "none yet",
      "committed": grouped(state.commitIndex),
      "applied": grouped(state.lastApplied),
      "last entry": grouped(state.lastIndex),
      "snapshot": state.snapshotIndex === 0 ? "none" : grouped(state.snapshotIndex),
      "signaling": state.signaling,
      "storage": storage.error ?? (storage.bytes === null ? storage.kind : `${storage.kind}, ${bytes(storage.bytes)}`),
    };
    const refused = refusedWords(state.refusals);
    this.#values.get("refused")!.parentElement!.hidden = refused === "";
    facts["refused"] = refused;
    for (const [name, text] of Object.entries(facts)) say(this.#values.get(name)!, text);
  }
}
