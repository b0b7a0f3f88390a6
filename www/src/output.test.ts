import assert from "node:assert/strict";
import { test } from "node:test";

import { LastLines } from "./output";

function printed(kept: number, ...writes: string[]): LastLines {
  const output = new LastLines(kept);
  for (const text of writes) output.add(new TextEncoder().encode(text));
  return output;
}

test("the last lines are kept, and the others counted", () => {
  const output = printed(3, "one\ntwo\nth", "ree\nfour\n");
  assert.deepEqual(output.lines(), ["two", "three", "four"]);
  assert.deepEqual(output.lastWords(), ["two", "three", "four"]);
  assert.equal(output.dropped, 1);
});

test("an unfinished line is the last one", () => {
  const output = printed(3, "one\nunfin", "ished");
  assert.deepEqual(output.lines(), ["one", "unfinished"]);
});

test("the first lines of a panic are kept, however long it is", () => {
  const output = printed(3, "a\nb\nc\nd\npanic: oh\n\ngoroutine 1:\nmain.main()\n\nmore", "\n");
  assert.deepEqual(output.lines(), ["b", "c", "d", "panic: oh", "", "goroutine 1:"]);
  assert.deepEqual(output.lastWords(), ["panic: oh", "", "goroutine 1:"]);
  assert.equal(output.dropped, 4);
});

test("the last panic counts, since a program may print the word", () => {
  const output = printed(2, "panic: not really\nx\ny\nfatal error: all goroutines are asleep\n");
  assert.deepEqual(output.lines(), ["panic: not really", "x", "fatal error: all goroutines are asleep"]);
  assert.deepEqual(output.lastWords(), ["fatal error: all goroutines are asleep"]);
});

test("a long line is cut", () => {
  for (const output of [printed(3, "x".repeat(5000) + "\n"), printed(3, ...Array<string>(50).fill("x".repeat(100)))]) {
    assert.deepEqual(output.lines(), ["x".repeat(1000)]);
  }
});

test("a character may come in two writes", () => {
  const bytes = new TextEncoder().encode("ä\n");
  const output = new LastLines(3);
  output.add(bytes.slice(0, 1));
  output.add(bytes.slice(1));
  assert.deepEqual(output.lines(), ["ä"]);
});
