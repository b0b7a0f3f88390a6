// Takes chance and the clock away from a Go program, so that it runs the same way
// each time. To be evaluated before wasm_exec.js, in Node or in a Worker:
//
//	seedEverything(1234);
//
// Go takes from its host random bytes (at the start: the order of maps and of
// select, math/rand), and the time. Here both follow from the seed. The clock advances by a
// little each time it is read, and jumps to the due time when a timer fires, so
// time that passes while the program computes is not seen.
(() => {
  "use strict";

  const READ_MS = 1 / 1024; // what the clock advances by when it is read

  globalThis.seedEverything = (seed) => {
    let state = BigInt.asUintN(64, BigInt(seed));
    const mask = (1n << 64n) - 1n;
    const next = () => { // splitmix64
      state = (state + 0x9e3779b97f4a7c15n) & mask;
      let z = state;
      z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
      z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask;
      return z ^ (z >> 31n);
    };

    const getRandomValues = (array) => {
      const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
      for (let i = 0; i < bytes.length; i++) bytes[i] = Number(next() & 255n);
      return array;
    };
    Object.defineProperty(globalThis.crypto, "getRandomValues", { value: getRandomValues, configurable: true });

    let now = 0;
    const EPOCH_MS = 946684800000; // 2000, as in a bubble of testing/synctest
    const read = () => (now += READ_MS);
    Object.defineProperty(globalThis.performance, "now", { value: read, configurable: true });
    Object.defineProperty(globalThis.performance, "timeOrigin", { value: EPOCH_MS, configurable: true });
    const RealDate = globalThis.Date;
    globalThis.Date = class extends RealDate {
      constructor(...args) {
        super(...(args.length > 0 ? args : [Math.floor(EPOCH_MS + read())]));
      }
      static now() {
        return Math.floor(EPOCH_MS + read());
      }
      getTimezoneOffset() {
        return 0;
      }
    };

    const setTimer = globalThis.setTimeout;
    globalThis.setTimeout = (fn, ms, ...args) => {
      const due = now + Math.max(0, Number(ms) || 0);
      return setTimer(() => {
        now = Math.max(now, due);
        fn(...args);
      }, ms);
    };
  };

  // In Node: node --require seeded.js, with the seed in the environment. Writes are
  // carried out at once, as wasm_exec.js does it in browsers: otherwise it
  // would depend on real time whether a write or a timer comes to its end first.
  const seed = typeof process === "object" && process.env && process.env.TABRAFT_SEED;
  if (seed) {
    const fs = require("node:fs");
    fs.write = (fd, buffer, offset, length, position, callback) => {
      let n;
      try {
        n = fs.writeSync(fd, buffer, offset, length, position);
      } catch (error) {
        callback(error);
        return;
      }
      callback(null, n);
    };
    globalThis.seedEverything(seed);
  }
})();
