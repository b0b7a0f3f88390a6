// <tabraft-keys>: a dialog with the keys, what the picture means, and the
// console's commands.

import { manual } from "../command";
import { button, h } from "../dom";

const keys: readonly [key: string, meaning: string][] = [
  ["/", "write a command"],
  ["↑ ↓", "in the console: earlier commands"],
  ["Tab, Enter", "go to a server on the ring, open it"],
  ["Esc", "leave the console, close this"],
  ["?", "this help"],
];

const picture: readonly [mark: string, meaning: string][] = [
  ["number", "the server's term"],
  ["arc of this tab", "its timer: an election when it runs out, or a leader's next heartbeat"],
  ["arc of another", "how lately it was heard; gone after two seconds"],
  ["line", "the connection to this tab: solid when open, dashed while it is made, faint when there is none"],
  ["● ○", "a request, a reply"],
];

export class KeysHelp extends HTMLElement {
  #dialog = h("dialog", { "aria-labelledby": "keys-title" });

  connectedCallback(): void {
    const table = (rows: readonly [string, string][], mark: "kbd" | "code" | "span") => h("table", { role: "presentation" },
      h("tbody", {}, ...rows.map(([name, meaning]) => h("tr", {}, h("td", {}, h(mark, {}, name)), h("td", {}, meaning)))));
    this.#dialog.append(
      h("header", {}, h("h2", { id: "keys-title" }, "Keys and help"),
        button("✕", () => this.#dialog.close(), { class: "quiet", "aria-label": "Close" })),
      table(keys, "kbd"),
      h("h3", {}, "The picture"), table(picture, "span"),
      h("h3", {}, "The console"), table(manual, "code"),
      h("p", {}, "Scripts use the same calls as this page: try ", h("code", {}, "tabraft.state()"), " in the browser's own console."),
    );
    this.#dialog.addEventListener("click", (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
    this.append(this.#dialog);
  }

  /** Shows the dialog. */
  open(): void {
    if (!this.#dialog.open) this.#dialog.showModal();
  }
}
