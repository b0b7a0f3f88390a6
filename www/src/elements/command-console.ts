// <tabraft-console>: a line for commands, and below each its answer.

import type { Failure, Result } from "../api";
import { findServer, manual, parse, type Order } from "../command";
import { button, h, say, set } from "../dom";
import { live } from "../live";
import { duration, membersOf } from "../words";

/** Answers kept on the page. */
const answersKept = 100;
/** Lines kept for the arrow keys. */
const historyKept = 200;
/** Offered while the console is empty. */
const examples = ["put colour green", "get colour", "cas colour green blue", "help"];

export class CommandConsole extends HTMLElement {
  #input = h("input", {
    type: "text", id: "command", placeholder: "put colour green", autocomplete: "off", autocapitalize: "off",
    spellcheck: "false", enterkeyhint: "send", "aria-keyshortcuts": "/", maxlength: 100_000,
  });
  #output = h("div", { class: "scroller", role: "log", "aria-live": "polite", "aria-label": "Answers", tabindex: 0 });
  #history: string[] = [];
  /** Place in the history; its length stands for the line being written. */
  #place = 0;
  #draft = "";

  connectedCallback(): void {
    const form = h("form", {}, h("label", { for: "command", class: "offscreen" }, "Command"),
      h("span", { class: "prompt", "aria-hidden": "true" }, "›"), this.#input, button("Run", () => this.#submit()));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#input.addEventListener("keydown", (event) => this.#key(event));
    this.append(
      h("header", {}, h("h2", {}, "Console"),
        h("p", { class: "summary" }, h("kbd", {}, "/"), " to write, ", h("kbd", {}, "help"), " for commands")),
      this.#output,
      h("div", { class: "examples" }, ...examples.map((line) => button(line, () => void this.#enter(line)))),
      form);
  }

  /** Puts the cursor into the command line. */
  focusInput(): void { this.#input.focus(); }

  #key(event: KeyboardEvent): void {
    if (event.key === "ArrowUp") this.#recall(this.#place - 1);
    else if (event.key === "ArrowDown") this.#recall(this.#place + 1);
    else if (event.key === "Escape") this.#input.blur();
    else return;
    event.preventDefault();
  }

  #recall(place: number): void {
    if (place < 0 || place > this.#history.length) return;
    if (this.#place === this.#history.length) this.#draft = this.#input.value;
    this.#place = place;
    this.#input.value = this.#history[place] ?? this.#draft;
    this.#input.setSelectionRange(this.#input.value.length, this.#input.value.length);
  }

  #submit(): void {
    const line = this.#input.value.trim();
    if (line === "") return;
    this.#input.value = this.#draft = "";
    void this.#enter(line);
  }

  async #enter(line: string): Promise<void> {
    if (this.#history.at(-1) !== line) this.#history.push(line);
    if (this.#history.length > historyKept) this.#history.shift();
    this.#place = this.#history.length;
    await this.#answer(line);
  }

  async #answer(line: string): Promise<void> {
    const text = h("p", { class: "answer" }, "…");
    const item = h("div", { class: "item", "data-kind": "waiting" }, h("p", { class: "line" }, line), text);
    this.#output.append(item);
    while (this.#output.childElementCount > answersKept) this.#output.firstElementChild!.remove();
    this.#toEnd();
    const began = performance.now();
    try {
      const command = parse(line);
      if (!command) return;
      if (command.name === "clear") return this.#output.replaceChildren();
      if (command.name === "help") {
        text.replaceWith(h("table", { role: "presentation" }, h("tbody", {}, ...manual.map(([form, meaning]) =>
          h("tr", {}, h("td", {}, h("code", {}, form)), h("td", {}, meaning))))));
      } else {
        say(text, await run(command, began));
      }
      set(item, "data-kind", "done");
    } catch (error) {
      set(item, "data-kind", "failed");
      say(text, words(error));
    }
    live.stale();
    this.#toEnd();
  }

  #toEnd(): void { this.#output.scrollTop = this.#output.scrollHeight; }
}

/** Carries out a command and says what came of it. */
async function run(command: Order, began: number): Promise<string> {
  const { api, state } = live;
  if (!api || !state) throw new Error("the server in this tab is not up yet");
  const told = (what: string, { index, term }: Result, at = "") =>
    `${what}  ·  ${at ? `${at} ` : ""}index ${index}, term ${term}, ${duration(performance.now() - began)}`;
  const shown = (value: string | null) => (value === null ? "absent" : JSON.stringify(value));
  switch (command.name) {
    case "put": {
      const result = await api.put(command.key, command.value);
      return told(`${command.key} = ${shown(result.value)}`, result);
    }
    case "get": {
      const result = await api.get(command.key);
      return told(result.value === null ? `${command.key} is absent` : `${command.key} = ${shown(result.value)}`, result, "as of");
    }
    case "cas": {
      const result = await api.cas(command.key, command.old, command.value);
      const swapped = result.value === command.value;
      return told(swapped ? `${command.key} = ${shown(result.value)}`
        : `not set: ${command.key} ${result.value === null ? "is absent" : `is ${shown(result.value)}`}`, result);
    }
    case "delete": {
      const result = await api.delete(command.key);
      return told(result.value === null ? `${command.key} was absent` : `${command.key} deleted, it was ${shown(result.value)}`, result);
    }
    case "crash":
      await api.crash();
      return "crashed: memory lost, storage kept; restart starts it again";
    case "restart":
      await api.restart();
      return "restarted from what it stored";
    case "isolate":
    case "rejoin":
      await api.isolate(command.name === "isolate");
      return command.name === "isolate" ? "every link of this server is cut; rejoin mends them" : "the links are mended";
    case "cut":
    case "heal": {
      const server = findServer(membersOf(state).filter((member) => !member.self), command.server);
      await api.link(server.id, { block: command.name === "cut" });
      return command.name === "cut" ? `the link to ${server.name} is cut; heal ${server.name} mends it`
        : `the link to ${server.name} is mended`;
    }
    case "transfer": {
      const server = findServer(membersOf(state), command.server);
      await api.transfer(server.id);
      return `${server.name} leads`;
    }
    case "snapshot": {
      const { index } = await api.snapshot();
      return `the snapshot stands for the entries up to ${index}`;
    }
    case "removal": {
      const { removeAfterMs } = api.settings({ removeAfterMs: command.seconds * 1000 });
      return removeAfterMs === 0 ? "silent servers are not removed" : `servers silent for ${duration(removeAfterMs)} are removed, while this tab leads`;
    }
    case "remove": {
      const server = findServer(membersOf(state), command.server);
      await api.remove(server.id);
      return `${server.name} is being removed from the cluster`;
    }
  }
}

/** An error in words: the program's failures have a code beside the message. */
function words(error: unknown): string {
  const { message, code } = error as Partial<Failure>;
  if (typeof message !== "string") return String(error);
  return typeof code === "string" && code !== "" && !message.includes(code) ? `${message} (${code})` : message;
}
