// <tabraft-header>: the room, the server in this tab, and what can be done.

import type { State } from "../api";
import { button, h, say, set } from "../dom";
import { copyInvitation, invitation, openAnotherTab } from "../invitation";
import { live } from "../live";
import { nextTheme, theme } from "../theme";
import { roleWord } from "../words";

/** How long the answer to "Copy invite link" stays. */
const toastFor = 7000;

export class PageHeader extends HTMLElement {
  #room = h("span", { class: "room" });
  #name = h("strong", { class: "name" });
  #role = h("span", { class: "role" });
  #term = h("span", { class: "term" });
  #self = h("p", { class: "self", "aria-label": "The server in this tab" }, h("span", { class: "chip" }), this.#name, this.#role, this.#term);
  #crash = button("Crash this server", () => this.#crashOrRestart(), { class: "danger" });
  #theme = button("", () => this.#labelTheme(nextTheme()), { class: "quiet" });
  #toast = h("p", { class: "toast", role: "status" });
  #link = h("input", { class: "link", type: "text", readonly: true, "aria-label": "Invite link" });
  #toastTimer = 0;

  connectedCallback(): void {
    this.setAttribute("role", "banner");
    this.#self.hidden = this.#crash.hidden = true;
    this.#labelTheme(theme());
    this.append(
      h("h1", {}, "tabraft", this.#room),
      this.#self,
      h("div", { class: "actions" },
        button("Open another tab", () => openAnotherTab(), { class: "primary" }),
        button("Copy invite link", () => void this.#copy()),
        this.#crash,
        this.#theme,
      ),
      this.#toast,
    );
    live.watch((state) => this.#draw(state));
  }

  #draw(state: State): void {
    this.#self.hidden = this.#crash.hidden = false;
    say(this.#room, state.room.name);
    set(this.#self, "data-colour", state.colour);
    say(this.#name, state.name);
    set(this.#role, "data-role", state.role);
    say(this.#role, state.role === "leader" ? "★ leader" : roleWord(state.role));
    say(this.#term, `term ${state.term}`);
    const crashed = state.role === "stopped";
    say(this.#crash, crashed ? "Restart" : "Crash this server");
    this.#crash.title = crashed ? "Start this server again with what it stored" : "It loses its memory and keeps what it stored";
    set(this.#crash, "class", crashed ? "primary" : "danger");
  }

  #crashOrRestart(): void {
    if (live.state?.role === "stopped") live.api?.restart();
    else live.api?.crash();
    live.stale();
  }

  async #copy(): Promise<void> {
    const { copied, text } = await copyInvitation();
    this.#toast.replaceChildren(text);
    window.clearTimeout(this.#toastTimer);
    if (copied) {
      this.#toastTimer = window.setTimeout(() => this.#toast.replaceChildren(), toastFor);
      return;
    }
    this.#link.value = invitation();
    this.#toast.append(this.#link, button("Done", () => this.#toast.replaceChildren()));
    this.#link.focus();
    this.#link.select();
  }

  #labelTheme(name: string): void {
    say(this.#theme, { auto: "◐", light: "☀", dark: "☾" }[name] ?? "◐");
    this.#theme.title = `Colours: ${name === "auto" ? "as the system" : name}`;
    this.#theme.setAttribute("aria-label", this.#theme.title);
  }
}
