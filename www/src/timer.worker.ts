// The page's alarm clock. Browsers slow the timers of a hidden page down to one
// a second or a minute, but neither those of a Worker nor the messages from it.
//
// It says 0 when it is up. The page posts a number of milliseconds; after that
// long the Worker posts 0 back. A new number replaces the one before.
let timer: ReturnType<typeof setTimeout> | undefined;

onmessage = (event: MessageEvent<number>) => {
  clearTimeout(timer);
  timer = setTimeout(() => postMessage(0), event.data);
};

postMessage(0);
