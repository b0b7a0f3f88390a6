// <tabraft-boot>: how far the loading of the server program is.

import { h, say } from "../dom";

/** Nothing is shown for this long, since a warm start is quicker. */
const patience = 250;

export class BootProgress extends HTMLElement {
  #text = h("p", {}, "Loading the server program");
  #bar = h("progress", { max: 1, "aria-label": "Loading" });
  #timer = 0;

  connectedCallback(): void {
    this.hidden = true;
    this.append(this.#text, this.#bar);
    this.#timer = window.setTimeout(() => { this.hidden = false; }, patience);
  }

  /** Shows a step; share is 0 to 1, or undefined while there is no telling. */
  show(text: string, share?: number): void {
    say(this.#text, text);
    if (share === undefined || share === 1) this.#bar.removeAttribute("value");
    else this.#bar.value = share;
  }

  /** Goes away: the program runs, or will not. */
  done(): void {
    window.clearTimeout(this.#timer);
    this.remove();
  }
}
