// Bringing more servers in: another tab here, or a link for somebody else.

import { h } from "./dom";
import { live } from "./live";

/** The address that leads into this room. */
export function invitation(): string {
  return live.state?.room.link || location.href;
}

/** Opens one more tab in this room. It gets a process of its own where the
 * browser allows it, so that one tab's crash is not the other's. */
export function openAnotherTab(): void {
  window.open(invitation(), "_blank", "noopener");
}

/** Copies the link. Gives what to tell the user, and false if the user must
 * copy it by hand: pages on plain http have no clipboard. */
export async function copyInvitation(): Promise<{ copied: boolean; text: string }> {
  const link = invitation();
  const copied = await copy(link);
  const onlyHere = /^(localhost|127\.|\[::1\])/.test(new URL(link, location.href).hostname);
  if (!copied) return { copied, text: "Copy this link by hand:" };
  return {
    copied,
    text: onlyHere
      ? "Copied. It works on this computer only; for others open the page by this computer's address."
      : "Copied. Whoever opens the link joins this room.",
  };
}

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelecting(text);
  }
}

// The old way works on pages without the clipboard interface.
function copyBySelecting(text: string): boolean {
  const field = h("textarea", { class: "offscreen", "aria-hidden": "true", tabindex: -1 });
  field.value = text;
  const focused = document.activeElement;
  document.body.append(field);
  field.select();
  let done = false;
  try {
    done = document.execCommand("copy");
  } catch {
    done = false;
  }
  field.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return done;
}
