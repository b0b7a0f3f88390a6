// The page's alarm clock. Browsers slow the timers of a hidden page down to one
// a second or a minute, but neither those of a Worker nor the messages from it.
//
// It says 0 when it is up. The page posts a number of milliseconds; after that
// long the Worker posts 0 back. A new number replaces the one before.
//
// On plain http another Worker of this script objects, as long as the page lives,
// to other tabs that claim the page's server (wasm/tab/voice_js.go): it is never
// busy when the page is.

/** The claim to keep. */
interface Claim {
  channel: string;
  id: string;
  incarnation: string;
}

let timer: ReturnType<typeof setTimeout> | undefined;

onmessage = (event: MessageEvent<number | Claim>) => {
  if (typeof event.data === "object") {
    keep(event.data);
    return;
  }
  clearTimeout(timer);
  timer = setTimeout(() => postMessage(0), event.data);
};

function keep({ channel, id, incarnation }: Claim): void {
  const voice = new BroadcastChannel(channel);
  voice.onmessage = (event: MessageEvent<unknown>) => {
    const [verb, of, by] = String(event.data).split(" ");
    if ((verb === "claim" || verb === "last") && of === id && by !== incarnation) voice.postMessage(`owned ${id} ${incarnation}`);
  };
}

postMessage(0);
