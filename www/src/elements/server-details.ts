// What is known of one server, and what can be done to it: the card that opens
// when a server on the ring is pressed.

import type { Member, State } from "../api";
import { button, h, say, set } from "../dom";
import { live } from "../live";
import { duration, linkWord, standing } from "../words";

export class ServerDetails {
  readonly element = h("dialog", { class: "details", "aria-labelledby": "details-name" });
  #name = h("h3", { id: "details-name" });
  #facts = h("dl");
  #cut = button("Cut link", () => this.#cutOrHeal());
  #isolate = button("Cut all links", () => this.#isolateOrRejoin());
  #remove = button("Remove", () => this.#removeServer(), { class: "danger" });
  #trouble = h("p", { class: "trouble", role: "alert" });
  #id = "";
  /** Whether the link to the server shown is cut; of this tab's: all links. */
  #blocked = false;
  /** Removing asks once more. */
  #sure = false;

  constructor() {
    const close = button("✕", () => this.element.close(), { class: "quiet close", "aria-label": "Close" });
    this.element.append(close, this.#name, this.#facts,
      h("div", { class: "actions" }, this.#cut, this.#isolate, this.#remove), this.#trouble);
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.element.close();
    });
  }

  /** Opens the card for a server on a side of the picture, or closes it if
   * that server's is open. */
  toggle(id: string, side: "left" | "right", state: State, members: Member[]): void {
    if (this.element.open && this.#id === id) {
      this.element.close();
      return;
    }
    this.#id = id;
    this.#sure = false;
    say(this.#trouble, "");
    set(this.element, "data-side", side);
    this.draw(state, members);
    if (!this.element.open) this.element.show();
  }

  /** Follows the state while the card is open. */
  draw(state: State, members: Member[]): void {
    const member = members.find((candidate) => candidate.id === this.#id);
    if (!member) {
      this.element.close();
      return;
    }
    say(this.#name, member.name);
    set(this.#name, "data-colour", member.colour);
    const facts: [string, string][] = [
      ["role", `${standing(member)}${member.voter ? "" : ", no vote"}`],
      ["link", member.blocked ? `${linkWord(member.link)}, cut by hand` : linkWord(member.link)],
      ["id", member.id],
    ];
    if (member.self) {
      facts.push(["term", `${state.term}`], ["log", `${state.lastIndex} entries, ${state.commitIndex} committed`]);
    } else {
      if (member.term !== null) facts.push(["term", `${member.term}`]);
      if (member.lastSeenMs !== null) facts.push(["heard", `${duration(member.lastSeenMs)} ago`]);
      if (member.rttMs !== null) facts.push(["round trip", duration(member.rttMs)]);
      if (member.matchIndex !== null) facts.push(["log matches", `up to ${member.matchIndex} of ${state.lastIndex}`]);
      if (member.nextIndex !== null) facts.push(["next to send", `${member.nextIndex}`]);
    }
    const rows = facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)));
    const text = rows.map((row) => row.textContent).join();
    if (this.#facts.dataset["text"] !== text) {
      this.#facts.dataset["text"] = text;
      this.#facts.replaceChildren(...rows);
    }
    this.#cut.hidden = member.self;
    this.#isolate.hidden = !member.self;
    const others = members.filter((other) => !other.self);
    this.#blocked = member.self ? others.length > 0 && others.every((other) => other.blocked) : member.blocked;
    say(this.#cut, this.#blocked ? "Mend link" : "Cut link");
    say(this.#isolate, this.#blocked ? "Mend all links" : "Cut all links");
    say(this.#remove, this.#sure ? "Remove for good?" : "Remove");
  }

  #cutOrHeal(): void {
    void this.#do(() => live.api?.link(this.#id, { block: !this.#blocked }));
  }

  #isolateOrRejoin(): void {
    void this.#do(() => live.api?.isolate(!this.#blocked));
  }

  #removeServer(): void {
    if (!this.#sure) {
      this.#sure = true;
      live.stale();
      return;
    }
    this.#sure = false;
    void this.#do(() => live.api?.remove(this.#id), () => this.element.close());
  }

  async #do(action: () => unknown, done?: () => void): Promise<void> {
    say(this.#trouble, "");
    try {
      await action();
      done?.();
    } catch (error) {
      say(this.#trouble, (error as Partial<Error>).message ?? String(error));
    }
    live.stale();
  }
}
