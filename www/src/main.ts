// The page. It starts the tab's program and shows what it says; every part of
// it is a custom element in elements/.

import { boot } from "./boot";
import { live } from "./live";
import { BootProgress } from "./elements/boot-progress";
import { CommandConsole } from "./elements/command-console";
import { FactsLine } from "./elements/facts-line";
import { KeysHelp } from "./elements/keys-help";
import { LogTable } from "./elements/log-table";
import { MapTable } from "./elements/map-table";
import { PageHeader } from "./elements/page-header";
import { ServerRing } from "./elements/server-ring";
import { StatusBanner } from "./elements/status-banner";
import { WelcomeNote } from "./elements/welcome-note";
import { showInTabStrip } from "./tab-strip";
import { applyTheme } from "./theme";

applyTheme();
customElements.define("tabraft-header", PageHeader);
customElements.define("tabraft-banner", StatusBanner);
customElements.define("tabraft-welcome", WelcomeNote);
customElements.define("tabraft-boot", BootProgress);
customElements.define("tabraft-ring", ServerRing);
customElements.define("tabraft-log", LogTable);
customElements.define("tabraft-console", CommandConsole);
customElements.define("tabraft-map", MapTable);
customElements.define("tabraft-facts", FactsLine);
customElements.define("tabraft-keys", KeysHelp);
live.watch(showInTabStrip);

const element = <E extends Element>(name: string) => document.querySelector<E>(name)!;
const progress = element<BootProgress>("tabraft-boot");
const banner = element<StatusBanner>("tabraft-banner");

void boot({
  progress: (text, share) => progress.show(text, share),
  up: (api) => {
    progress.done();
    document.body.classList.add("up");
    live.start(api);
  },
  failed: (text, details) => {
    live.halt();
    progress.done();
    document.body.classList.add("ended");
    banner.fail(text, details);
  },
});

// A page that comes back from the browser's cache has lost its connections.
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

// An invitation pasted into this tab's address changes only the fragment.
window.addEventListener("hashchange", () => {
  const here = live.state?.room.link;
  if (here && new URL(here, location.href).hash !== location.hash) location.reload();
});

document.addEventListener("keydown", (event) => {
  const typing = (event.target as Element).closest("input, textarea, dialog:modal");
  if (event.ctrlKey || event.metaKey || event.altKey || typing) return;
  if (event.key === "/") {
    event.preventDefault();
    element<CommandConsole>("tabraft-console").focusInput();
  } else if (event.key === "?") {
    event.preventDefault();
    element<KeysHelp>("tabraft-keys").open();
  }
});
