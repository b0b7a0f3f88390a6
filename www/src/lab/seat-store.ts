// Where the seats of lab rooms keep what their Rafts save: the IndexedDB database
// "tabraft-lab", one store, three values a seat.
//
//   [room, seat, "meta"]      {owner, used}: the incarnation that may save, and when it took the seat
//   [room, seat, "state"]     Uint8Array
//   [room, seat, "snapshot"]  Uint8Array
//
// Every writing transaction is strict, and one that saves reads the owner first.

const databaseName = "tabraft-lab";
const storeName = "seats";

interface Meta { owner: string; used: number }

export class SeatStore {
  #database: Promise<IDBDatabase> | undefined;
  #snapshot: Uint8Array | undefined; // as saved last

  /** The seats of a room that this browser has something of. */
  async list(room: string): Promise<{ seat: number; used: number }[]> {
    const seats: { seat: number; used: number }[] = [];
    await this.#run("readonly", (store) => {
      store.openCursor(IDBKeyRange.bound([room], [room, []])).onsuccess = (event) => {
        const cursor = (event.target as IDBRequest<IDBCursorWithValue | null>).result;
        if (!cursor) return;
        const [, seat, what] = cursor.key as [string, number, string];
        if (what === "meta") seats.push({ seat, used: (cursor.value as Meta).used });
        cursor.continue();
      };
    });
    return seats;
  }

  /** Makes owner the one that may save, and gives what was saved. */
  async take(room: string, seat: number, owner: string): Promise<{ state?: Uint8Array; snapshot?: Uint8Array }> {
    const found: { state?: Uint8Array; snapshot?: Uint8Array } = {};
    await this.#run("readwrite", (store) => {
      const meta: Meta = { owner, used: Date.now() };
      store.put(meta, [room, seat, "meta"]);
      for (const what of ["state", "snapshot"] as const) {
        const request = store.get([room, seat, what]);
        request.onsuccess = () => { if (request.result instanceof Uint8Array) found[what] = request.result; };
      }
    });
    this.#snapshot = found.snapshot;
    return found;
  }

  /** Replaces both values. Resolves when they are durable. */
  async save(room: string, seat: number, owner: string, state: Uint8Array, snapshot: Uint8Array): Promise<void> {
    let fenced = false;
    await this.#run("readwrite", (store) => {
      const request = store.get([room, seat, "meta"]);
      request.onsuccess = () => {
        if ((request.result as Meta | undefined)?.owner !== owner) {
          fenced = true;
          store.transaction.abort();
          return;
        }
        store.put(state, [room, seat, "state"]);
        // Most saves leave the snapshot, which is the larger part, as it is.
        if (!same(snapshot, this.#snapshot)) store.put(snapshot, [room, seat, "snapshot"]);
      };
    }).catch((error: unknown) => {
      throw fenced ? new Error("another tab took over this seat") : error;
    });
    this.#snapshot = snapshot;
  }

  /** Deletes what there is of a seat, if it is owner's. */
  forget(room: string, seat: number, owner: string): Promise<void> {
    return this.#run("readwrite", (store) => {
      const request = store.get([room, seat, "meta"]);
      request.onsuccess = () => {
        if ((request.result as Meta | undefined)?.owner === owner) store.delete(IDBKeyRange.bound([room, seat], [room, seat, []]));
      };
    });
  }

  async #run(mode: IDBTransactionMode, body: (store: IDBObjectStore) => void): Promise<void> {
    const database = await (this.#database ??= open());
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(storeName, mode, { durability: "strict" });
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error("the transaction was aborted"));
      body(transaction.objectStore(storeName));
    });
  }
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(databaseName, 1);
    request.onupgradeneeded = () => { request.result.createObjectStore(storeName); };
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("another tab holds an older version of the storage open"));
    request.onsuccess = () => {
      // Somebody deletes the database: do not stand in the way.
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
  });
}

function same(a: Uint8Array, b: Uint8Array | undefined): boolean {
  if (!b) return a.length === 0;
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
