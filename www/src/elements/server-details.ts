// What is known of one server, and what can be done to it: the card that opens
// when a server on the ring is pressed.

import type { Member, State } from "../api";
import { button, h, say, set } from "../dom";
import { live } from "../live";
import { bytes, count, duration, grouped, linkWords, nameOf, removalWords, snapshotShare, staleWords, standing, voteWords } from "../words";

/** What the checkbox sets, in milliseconds. */
const removeAfter = 60_000;

export class ServerDetails {
  readonly element = h("dialog", { class: "details", "aria-labelledby": "details-name" });
  #name = h("h3", { id: "details-name" });
  #facts = h("dl");
  #cut = button("Cut link", () => this.#cutOrHeal());
  #isolate = button("Cut all links", () => this.#isolateOrRejoin());
  #lead = button("Make leader", () => this.#transfer());
  #snapshot = button("Snapshot", () => this.#takeSnapshot());
  #remove = button("Remove", () => this.#removeServer(), { class: "danger" });
  #removal = checkbox("A leader removes servers silent for a minute", (on) => live.api?.settings({ removeAfterMs: on ? removeAfter : 0 }));
  #handOver = checkbox("A leader that is closed hands over at once", (on) => live.api?.settings({ handOver: on }));
  #settings = h("fieldset", {}, h("legend", {}, "Settings of this browser's tabs"), this.#removal.element, this.#handOver.element);
  #trouble = h("p", { class: "trouble", role: "alert" });
  #id = "";
  /** Whether the link to the server shown is cut; of this tab's: all links. */
  #blocked = false;
  /** Removing asks once more. */
  #sure = false;

  constructor() {
    const close = button("✕", () => this.element.close(), { class: "quiet close", "aria-label": "Close" });
    this.element.append(close, this.#name, this.#facts,
      h("div", { class: "actions" }, this.#lead, this.#snapshot, this.#cut, this.#isolate, this.#remove), this.#settings, this.#trouble);
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
      ["link", member.blocked ? `${linkWords(member)}, cut by hand` : linkWords(member)],
      ["id", member.id],
    ];
    if (member.self) {
      facts.push(["term", `${state.term}`], ["log", logWords(state)], ["snapshot", state.snapshotIndex === 0 ? "none yet" : `up to entry ${grouped(state.snapshotIndex)}`],
        ["members", state.configuration.text]);
      if (state.votes) facts.push(["votes", voteWords(member, state)]);
    } else {
      if (member.term !== null) facts.push(["term", `${member.term}`]);
      if (member.lastIndex !== null) facts.push(["its log", entriesWords(member)]);
      if (member.leader) facts.push(["follows", member.leader === member.id ? "itself" : nameOf(state, member.leader)]);
      if (member.hidden) facts.push(["its tab", "in the background"]);
      if (member.ageMs !== null) facts.push(["as of", staleWords(member) || `${duration(member.ageMs)} ago`]);
      if (member.lastSeenMs !== null) facts.push(["heard", `${duration(member.lastSeenMs)} ago`]);
      if (member.rttMs !== null) facts.push(["round trip", duration(member.rttMs)]);
      if (member.matchIndex !== null) facts.push(["log matches", `up to ${member.matchIndex} of ${state.lastIndex}`]);
      if (member.nextIndex !== null) facts.push(["next to send", `${member.nextIndex}`]);
      if (member.progress) facts.push(["the log goes", sendingWords(member)]);
      if (state.votes && member.voter) facts.push(["vote", voteWords(member, state)]);
      if (member.removalMs !== null) facts.push(["silent", removalWords(member)]);
    }
    const rows = facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)));
    const text = rows.map((row) => row.textContent).join();
    if (this.#facts.dataset["text"] !== text) {
      this.#facts.dataset["text"] = text;
      this.#facts.replaceChildren(...rows);
    }
    this.#cut.hidden = member.self;
    this.#isolate.hidden = this.#snapshot.hidden = this.#settings.hidden = !member.self;
    this.#lead.hidden = !member.voter || member.id === state.leader || !member.self && !member.reachable;
    this.#removal.show(state.settings.removeAfterMs > 0, removalLabel(state));
    this.#handOver.show(state.settings.handOver);
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

  #transfer(): void {
    void this.#do(() => live.api?.transfer(this.#id));
  }

  #takeSnapshot(): void {
    void this.#do(() => live.api?.snapshot());
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

function removalLabel(state: State): string {
  const after = state.settings.removeAfterMs;
  const time = after === 0 || after === removeAfter ? "a minute" : duration(after);
  return `A leader removes servers silent for ${time}`;
}

/** The log in figures: what is committed, and what of it is only in the
 * snapshot. */
function logWords(state: State): string {
  const entries = count(state.lastIndex - state.firstIndex + 1, "entry", "entries");
  const from = state.firstIndex > 1 ? `, from ${grouped(state.firstIndex)} on` : "";
  return `${entries}${from}; ${grouped(state.commitIndex)} committed`;
}

/** The log of another server in figures. */
function entriesWords(member: Member): string {
  const rate = member.appliedPerSecond ? `, ${grouped(member.appliedPerSecond)} a second` : "";
  return `up to ${grouped(member.lastIndex!)}; ${grouped(member.commitIndex!)} committed, ${grouped(member.lastApplied!)} applied${rate}`;
}

/** How the leader sends to a member. */
function sendingWords(member: Member): string {
  const progress = member.progress!;
  if (!member.reachable) return "when it is back";
  if (progress.state === "snapshot") {
    return `receiving the snapshot, ${snapshotShare(progress)} %: ${bytes(progress.snapshotReceived)} of ${bytes(progress.snapshotSize)}`;
  }
  if (progress.state === "probe") return "not yet: comparing logs";
  return progress.inflight === 0 ? "as it grows" : `as it grows, ${count(progress.inflight, "message")} under way`;
}

/** A labelled checkbox that shows what the server says. */
function checkbox(label: string, changed: (on: boolean) => void): { element: HTMLElement; show(on: boolean, label?: string): void } {
  const input = h("input", { type: "checkbox" });
  const text = h("span", {}, label);
  input.addEventListener("change", () => {
    changed(input.checked);
    live.stale();
  });
  return {
    element: h("label", {}, input, text),
    show(on, now = label) {
      input.checked = on;
      say(text, now);
    },
  };
}
