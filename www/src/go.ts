// Runs a Go program.

import type { GoRuntime } from "./api";

/** Runs a program until it ends. What it began, such as timers and Workers, may call it after that, in vain. */
export async function runGo(go: GoRuntime, instance: WebAssembly.Instance): Promise<void> {
  await go.run(instance);
  // Otherwise each of those calls is an error on the console. A timer calls again and again while it is listed.
  go._scheduledTimeouts.clear();
  go._resume = () => {};
}
