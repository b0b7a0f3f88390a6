// put, get, cas and delete of window.tabraft.
//
// Each call into the program costs more than the command itself, so commands
// are handed over together: all that one task of the page asks for make one
// call, and so do all answers that one round of the program gives.

import type { Commands, Failure, Result } from "./api";

/** One command, as the program takes it. */
interface Command {
  id: number;
  op: "put" | "get" | "cas" | "delete";
  key: string;
  value?: string;
  /** cas: the value expected, null for none. */
  old?: string | null;
}

/** One answer, as the program gives it: a Result, or a Failure with a code. */
type Answer = { id: number } & (Result | Failure);

interface Waiter {
  resolve(result: Result): void;
  reject(reason: Error): void;
}

/** Makes the commands; submit takes a JSON list of them into the program. */
export function makeCommands(submit: (commands: string) => void): Commands {
  const waiters = new Map<number, Waiter>();
  let last = 0;
  let queue: Command[] = [];
  /** Why there are no more answers. */
  let over: string | undefined;

  function flush(): void {
    const commands = queue;
    queue = [];
    if (commands.length === 0) return;
    submit(JSON.stringify(commands));
  }

  function send(command: Omit<Command, "id">): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (over !== undefined) {
        reject(failure("stopped", over));
        return;
      }
      const id = ++last;
      waiters.set(id, { resolve, reject });
      queue.push({ id, ...command });
      if (queue.length === 1) queueMicrotask(flush);
    });
  }

  return {
    put: async (key, value) => send({ op: "put", key: text(key), value: text(value) }),
    get: async (key) => send({ op: "get", key: text(key) }),
    cas: async (key, old, value) => send({ op: "cas", key: text(key), old: old == null ? null : text(old), value: text(value) }),
    delete: async (key) => send({ op: "delete", key: text(key) }),
    answer(answers) {
      for (const answer of JSON.parse(answers) as Answer[]) {
        const waiter = waiters.get(answer.id);
        waiters.delete(answer.id);
        if ("code" in answer) {
          waiter?.reject(failure(answer.code, answer.message));
        } else {
          waiter?.resolve({ value: answer.value, index: answer.index, term: answer.term });
        }
      }
    },
    end(message) {
      over = message;
      queue = [];
      for (const waiter of waiters.values()) waiter.reject(failure("stopped", message));
      waiters.clear();
    },
  };
}

function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

/** Keys and values are text; numbers and booleans are written as such. */
function text(v: unknown): string {
  if (typeof v !== "string" && typeof v !== "number" && typeof v !== "boolean") {
    throw failure("invalid", "keys and values are text");
  }
  const s = String(v);
  // Half a surrogate pair is no character and has no bytes.
  if (/\p{Surrogate}/u.test(s)) throw failure("invalid", "keys and values are text: this has half a character in it");
  return s;
}
