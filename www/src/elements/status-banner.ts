// <tabraft-banner>: what is wrong and what to do about it, or that all is well.

import type { State } from "../api";
import { button, h, say } from "../dom";
import { live } from "../live";
import { replicationWords, wellWords } from "../words";

/** A trouble is shown once it has lasted this long: an election that takes a
 * moment is no news. */
const patience = 250;

export class StatusBanner extends HTMLElement {
  #icon = h("span", { class: "icon", "aria-hidden": "true" }, "…");
  // Two live regions, since what is wrong interrupts and all is well does not.
  #well = h("p", { role: "status" }, "Starting.");
  #wrong = h("p", { role: "alert" });
  #more = h("p", { class: "more" });
  #details = h("pre");
  #wrongSince = 0;
  #timer = 0;
  #failed = false;

  connectedCallback(): void {
    this.dataset["mood"] = "busy";
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", "Status");
    this.#details.hidden = true;
    this.append(this.#icon, h("div", {}, this.#well, this.#wrong, this.#more, this.#details));
    live.watch((state) => this.#draw(state));
  }

  /** Says for good that the server in this tab cannot run. */
  fail(text: string, details: string): void {
    this.#failed = true;
    this.#show("stopped", "", text, "");
    say(this.#details, details);
    this.#details.hidden = details === "";
    this.append(button("Reload this tab", () => location.reload()));
  }

  #draw(state: State): void {
    if (this.#failed) return;
    const now = performance.now();
    if (state.reason === "") {
      this.#wrongSince = 0;
      const busy = state.role === "joining" || state.role === "learner" || state.leader === "";
      this.#show(busy ? "busy" : "well", wellWords(state), "", busy ? "" : replicationWords(state));
      return;
    }
    if (this.#wrongSince === 0) this.#wrongSince = now;
    const left = patience - (now - this.#wrongSince);
    if (left > 0 && this.dataset["mood"] === "well" && state.role !== "stopped") {
      window.clearTimeout(this.#timer);
      this.#timer = window.setTimeout(() => live.stale(), left);
      return;
    }
    this.#show(state.role === "stopped" ? "stopped" : "trouble", "", state.reason, "");
  }

  #show(mood: "well" | "busy" | "trouble" | "stopped", well: string, wrong: string, more: string): void {
    this.dataset["mood"] = mood;
    say(this.#icon, { well: "✓", busy: "…", trouble: "!", stopped: "✕" }[mood]);
    say(this.#well, well);
    say(this.#wrong, wrong);
    say(this.#more, more);
  }
}
