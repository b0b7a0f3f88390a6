// What the lab's server says of the student's package: see labStatus in
// signaling/cmd/tabraft/lab_page.go.

export interface Test { id: string; name: string; part: string; title: string; servers: number }

export interface Status {
  package: string;
  folder: string;
  /** Address of the last good build, empty if there was none. */
  program: string;
  building: boolean;
  /** What the compiler says of the files as they are. */
  failed: string;
  /** Why there will be no program. */
  unavailable: string;
  tests?: Test[];
}

const askEvery = 1000;
const answerWithin = 10_000;

/** Asks the server again and again. Gets null when it does not answer. */
export function follow(address: string, fn: (status: Status | null) => void): void {
  let last = "";
  const ask = async () => {
    let text = "";
    try {
      const response = await fetch(address, { signal: AbortSignal.timeout(answerWithin) });
      if (response.ok) text = await response.text();
    } catch {
      // Not there: said below.
    }
    if (text !== last || text === "") {
      last = text;
      fn(text === "" ? null : JSON.parse(text) as Status);
    }
    setTimeout(() => void ask(), askEvery);
  };
  void ask();
}
