// Runs that wait for a Worker.

/** Starts tasks in order, at most `width` at a time. */
export class Queue {
  #waiting: (() => Promise<void>)[] = [];
  #running = 0;
  #stop = new AbortController();

  constructor(public width: number, readonly changed: () => void) {}

  /** Ends what runs when stop is called. */
  get signal(): AbortSignal { return this.#stop.signal; }
  get idle(): boolean { return this.#running === 0 && this.#waiting.length === 0; }
  get left(): number { return this.#running + this.#waiting.length; }

  add(task: () => Promise<void>): void {
    this.#waiting.push(task);
    this.#next();
  }

  /** Ends what runs and forgets what waits. */
  stop(): void {
    this.#waiting = [];
    this.#stop.abort();
    this.#stop = new AbortController();
    this.changed();
  }

  #next(): void {
    while (this.#running < this.width && this.#waiting.length > 0) {
      const task = this.#waiting.shift()!;
      this.#running++;
      void task().catch(() => undefined).finally(() => {
        this.#running--;
        this.#next();
        this.changed();
      });
    }
    this.changed();
  }
}
