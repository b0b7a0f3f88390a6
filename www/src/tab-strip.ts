// The tab's title and icon: with several tabs in one window they tell which
// server is which, and who leads.

import type { Role, State } from "./api";
import { h } from "./dom";
import { roleWord } from "./words";

let shown = "";

/** Shows a server's name, colour and role in the browser's tab strip. */
export function showInTabStrip(state: State): void {
  const now = `${state.name} ${state.role} ${state.colour} ${state.room.name}`;
  if (now === shown) return;
  shown = now;
  const role = state.role === "leader" ? "★ " : state.role === "follower" ? "" : `(${roleWord(state.role)}) `;
  document.title = `${role}${state.name} · ${state.room.name} · tabraft`;
  const icon = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  if (!icon) return;
  icon.type = "image/svg+xml";
  icon.href = `data:image/svg+xml,${encodeURIComponent(drawing(state.role, colourOf(state.colour)))}`;
}

/** A server's colour, as the style sheet has it. */
function colourOf(index: number): string {
  const probe = h("i", { class: "chip", "data-colour": index });
  document.body.append(probe);
  const colour = getComputedStyle(probe).backgroundColor;
  probe.remove();
  return colour;
}

function drawing(role: Role, colour: string): string {
  const marks: Partial<Record<Role, string>> = {
    leader: '<path d="M16 6.5l2.9 6.2 6.6.8-4.9 4.6 1.3 6.6-5.9-3.3-5.9 3.3 1.3-6.6-4.9-4.6 6.6-.8z" fill="#fff"/>',
    stopped: '<path d="M10.5 10.5l11 11m0-11l-11 11" stroke="#fff" stroke-width="3.5"/>',
  };
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="15" fill="${
    role === "stopped" ? "#7a8694" : colour}"/>${marks[role] ?? ""}</svg>`;
}
