// A tab of a lab room: the student's Raft as one server, and the cluster as it
// sees it. All that is shown comes from window.tabraftRoom.

import { button, h, say, set } from "../dom";
import { runGo } from "../go";
import { keepOutput, type LastLines } from "../output";
import { applyTheme, nextTheme, theme } from "../theme";
import { lastWords } from "./last-words";
import type { Room, RoomState } from "./room-api";
import { RoomSeat } from "./room-seat";
import { SeatStore } from "./seat-store";
import { follow, type Status } from "./status";

const drawEvery = 250;
const outputEvery = 500;
/** Lines kept of what the Raft prints, and answers of the console. */
const linesKept = 200;
const answersKept = 50;

applyTheme();
customElements.define("lab-seat", RoomSeat);

const title = h("span", { class: "package" });
const notice = h("p", { class: "notice-line", role: "status" });
const detail = h("pre", { tabindex: 0, role: "region", "aria-label": "Details", hidden: true });
const trouble = h("section", { class: "trouble", "aria-label": "State" }, notice, detail);
const another = h("a", { target: "_blank", rel: "noopener" }, "Open another tab");
const seats = h("div", { class: "seats", role: "list", "aria-label": "Servers" });
const input = h("input", { type: "text", "aria-label": "Command for Start", placeholder: "a command, any text", maxlength: 4096, autocomplete: "off" });
const snapshot = button("Snapshot", () => void answer("Snapshot", async (room) => `index ${(await room.snapshot()).index}`),
  { title: "Hand the state of the service to Snapshot" });
const answers = h("ol", { class: "answers", role: "log", "aria-label": "Answers" });
const form = h("form", { class: "actions" }, input, h("button", { type: "submit", class: "primary" }, "Start"), snapshot);
const printed = h("pre", { tabindex: 0, role: "region", "aria-label": "Printed by the Raft" });
const printedBox = h("details", { hidden: true }, h("summary", {}, "Printed by the Raft in this tab"), printed);
const look = button("", () => labelTheme(nextTheme()), { class: "quiet" });
const labelTheme = (name: string) => say(look, `Theme: ${name}`);
labelTheme(theme());

document.body.append(
  h("header", {}, h("h1", {}, "tabraft lab ", title),
    h("nav", { class: "actions" }, another,
      h("a", { href: "/lab/room#new&n=3", target: "_blank" }, "New room of 3"), h("a", { href: "/lab/room#new&n=5", target: "_blank" }, "New room of 5"),
      h("a", { href: "/lab/" }, "Tests"), look)),
  trouble,
  h("main", {}, h("h2", {}, "The cluster, as this tab sees it"), seats,
    h("h2", {}, "Start a command here"), form, answers, printedBox),
  h("footer", {}, "Start takes a command only on the leader. Close the leader's tab and see who takes over; ",
    "a tab that is opened again takes the free seat, with the state that its Raft had saved in this browser."));

let ended = ""; // why there is no program any more
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const command = input.value;
  if (command === "") return;
  input.value = "";
  void answer(`Start ${command}`, async (room) => {
    const { index, term, leader } = await room.start(command);
    if (leader) return `index ${index}, term ${term}`;
    return `this server does not lead${who(term)}`;
  });
});

function who(term: number): string {
  const state = current();
  const leader = state?.seats?.find((s) => s.up && s.digest?.leader && s.digest.term >= term);
  return leader ? `; server ${leader.seat} does` : "";
}

async function answer(asked: string, ask: (room: Room) => Promise<string>): Promise<void> {
  let text: string;
  try {
    text = window.tabraftRoom && !ended ? await ask(window.tabraftRoom) : "this server does not run";
  } catch (error) {
    text = String(error);
  }
  answers.append(h("li", {}, h("code", {}, asked), ` → ${text}`));
  while (answers.children.length > answersKept) answers.firstElementChild!.remove();
}

/** Who runs in this tab. */
let self = "this tab's server";

function current(): RoomState | undefined {
  if (!window.tabraftRoom || ended) return undefined;
  return JSON.parse(window.tabraftRoom.state()) as RoomState;
}

function tell(text: string, details: string, failed: boolean): void {
  say(notice, text);
  say(detail, details);
  detail.hidden = details === "";
  set(trouble, "data-state", failed ? "failed" : "good");
}

function draw(): void {
  const state = current();
  if (!state) return;
  if (state.me >= 0) self = `server ${state.me}`;
  document.title = state.me < 0 ? "lab room" : `server ${state.me}, ${state.room}`;
  say(title, `room ${state.room}`);
  set(another, "href", state.link || false);
  snapshot.hidden = !state.snapshots;
  const list = state.seats ?? [];
  while (seats.children.length < list.length) seats.append(document.createElement("lab-seat"));
  for (const [n] of list.entries()) (seats.children[n] as RoomSeat).draw(state, n);
  const up = list.filter((s) => s.up).length;
  const words = (state.complaints ?? []).join("\n");
  if (state.ended) tell(`The server in this tab has ended: ${state.ended}`, words, true);
  else if (state.problem) tell(state.problem, words, true);
  else if (up < list.length) tell(`${up} of ${list.length} servers are here${state.signaling ? "" : "; signaling does not answer"}. Open more tabs.`, words, false);
  else tell(`All ${list.length} servers are here.`, words, false);
}

function drawOutput(output: LastLines): void {
  const lines = output.lines();
  printedBox.hidden = lines.length === 0;
  if (printedBox.open) say(printed, (output.dropped > 0 ? `(${output.dropped} lines are left out)\n` : "") + lines.join("\n"));
}

function boot(program: string, pkg: string): void {
  const go = new window.Go!();
  window.tabraftRoomConfig = {
    worker: document.querySelector<HTMLMetaElement>('meta[name="lab-timer"]')!.content,
    signal: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/signal`,
    store: new SeatStore(),
    build: program,
  };
  const output = keepOutput(linesKept, false);
  setInterval(() => drawOutput(output), outputEvery);
  let code = 0;
  go.exit = (status) => { code = status; };
  window.addEventListener("tabraftroom", () => {
    draw();
    setInterval(() => { if (!document.hidden) draw(); }, drawEvery);
    document.addEventListener("visibilitychange", draw);
  }, { once: true });
  WebAssembly.instantiateStreaming(fetch(program), go.importObject).then(({ instance }) => runGo(go, instance)).then(
    () => {
      ended = `status ${code}`;
      const { why, where, text } = lastWords(output.lines(), pkg);
      tell(`The program of ${self} ended${why && `: ${why}`}${where && `, in ${where}`}. What its Raft had saved is safe: reload the tab to restart it.`, text, true);
    },
    (error: unknown) => tell("The program could not be loaded. Reload the tab to try again.", String(error), true));
}

let booted = "";
follow("/lab/room/status", (now: Status | null) => {
  if (booted) {
    if (now?.program && now.program !== booted) say(title, `${now.package}: there is a newer build, reload to run it`);
    return;
  }
  if (!now) tell("The lab's server does not answer. Is tabraft lab serve still running?", "", true);
  else if (now.unavailable) tell(now.unavailable, "", true);
  else if (now.program) {
    booted = now.program;
    tell("Starting…", "", false);
    boot(now.program, now.package);
  } else if (now.failed) tell("The package does not compile.", now.failed, true);
  else tell("Building the program of the room… The first time takes a while.", "", false);
});
