// <tabraft-welcome>: what this page is, for somebody who has just opened it.
// It goes away by itself once there is a cluster, or for good when dismissed.

import { button, h } from "../dom";
import { live } from "../live";
import { openAnotherTab } from "../invitation";
import { remember, remembered } from "../theme";

const key = "tabraft.welcome";
/** With this many voters the reader has seen what the note is about. */
const enough = 3;

export class WelcomeNote extends HTMLElement {
  connectedCallback(): void {
    this.hidden = true;
    if (remembered(key) === "dismissed") return;
    this.setAttribute("role", "region");
    this.setAttribute("aria-labelledby", "welcome-title");
    this.append(
      h("div", {},
        h("h2", { id: "welcome-title" }, "This tab is a Raft server"),
        h("p", {}, "Open two more and the three agree on one log, even when any one of them goes away. " +
          "Then type ", h("code", {}, "put colour green"), " below, close the tab that leads, and watch another take over."),
      ),
      h("div", { class: "actions" },
        button("Open another tab", () => openAnotherTab(), { class: "primary" }),
        button("Dismiss", () => {
          remember(key, "dismissed");
          this.remove();
        }),
      ),
    );
    live.watch((state) => { this.hidden = state.quorum.voters >= enough || state.reason !== ""; });
  }
}
