// <lab-seat>: one server of the room, by what it last told of itself.

import { h, say, set } from "../dom";
import type { RoomState } from "./room-api";

/** After so many ms without a digest, what is shown is called old. */
const oldAfter = 2000;

export class RoomSeat extends HTMLElement {
  #name = h("h3");
  #state = h("span", { class: "state" });
  #facts = h("p", { class: "facts" });
  #applied = h("p", { class: "applied" });
  #rpcs = h("tbody");

  connectedCallback(): void {
    this.setAttribute("role", "listitem");
    this.append(
      h("div", { class: "head" }, this.#name, this.#state),
      this.#facts, this.#applied,
      h("table", {},
        h("thead", {}, h("tr", {}, ...["RPC", "sent", "answered", "handled"].map((t) => h("th", { scope: "col" }, t)))),
        this.#rpcs));
  }

  draw(state: RoomState, n: number): void {
    const seat = state.seats![n]!, d = seat.digest;
    set(this, "data-colour", n);
    set(this, "data-role", d?.leader && seat.up ? "leader" : seat.up ? "server" : "gone");
    say(this.#name, `Server ${n}${n === state.me ? " (this tab)" : ""}`);
    let words = "no tab";
    if (seat.up) words = !d ? "connected" : d.blocked ? "GetState does not return" : d.leader ? "★ leader" : "not leader";
    else if (d) words = "tab gone";
    if (seat.up && seat.ageMs > oldAfter) words += `, silent for ${Math.round(seat.ageMs / 1000)} s`;
    say(this.#state, words);
    say(this.#facts, !d ? "" : `term ${d.term}, applied ${d.index}, ${d.state} bytes saved in ${d.saves} saves` +
      (d.snapshot > 0 ? `, snapshot of ${d.snapshot} bytes` : ""));
    say(this.#applied, (d?.recent ?? []).slice(-8).map((a) => `${a.index}: ${a.text}`).join("   "));
    const rows = Object.entries(d?.rpcs ?? {}).sort(([a], [b]) => a < b ? -1 : 1)
      .map(([name, c]) => [name, c.sent, c.answered, c.handled].map(String));
    while (this.#rpcs.rows.length > rows.length) this.#rpcs.deleteRow(-1);
    for (const [i, cells] of rows.entries()) {
      const row = this.#rpcs.rows[i] ?? this.#rpcs.insertRow();
      for (const [k, text] of cells.entries()) say(row.cells[k] ?? row.insertCell(), text);
    }
  }
}
