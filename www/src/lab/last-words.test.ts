import assert from "node:assert/strict";
import { test } from "node:test";

import { lastWords } from "./last-words";

const panic = `before
panic: runtime error: index out of range [5] with length 2

goroutine 34 [running]:
runtime/debug.Stack()
	/usr/lib/go/src/runtime/debug/stack.go:26 +0x5
example.org/my/raft.(*Raft).AppendEntries(0xc00001c0d8, {0x1, 0x2}, 0x3)
	/home/x/raft/raft.go:123 +0x45
example.org/my/raft.(*Raft).Handle(...)
	/home/x/raft/raft.go:12
tabraft/raft/lab/labrpc.(*Service).dispatch(0x1)
	/home/x/labrpc/service.go:9 +0x1

goroutine 1 [select (no cases)]:
main.main()
`.split("\n");

test("a panic: why, where in the package, and its goroutine alone", () => {
  const words = lastWords(panic, "example.org/my/raft");
  assert.equal(words.why, "panic: runtime error: index out of range [5] with length 2");
  assert.equal(words.where, "raft.(*Raft).AppendEntries, raft.go:123");
  assert.match(words.text, /goroutine 34/);
  assert.doesNotMatch(words.text, /goroutine 1 |before/);
});

test("a function without a receiver or arguments", () => {
  assert.equal(lastWords(["fatal error: all goroutines are asleep", "", "goroutine 1 [running]:", "my.run()", "\t/x/a.go:7 +0x1"], "my").where, "my.run, a.go:7");
  assert.equal(lastWords(["panic: x", "", "goroutine 1 [running]:", "my.(*Raft).ticker.func1()", "\t/x/a.go:7 +0x1"], "my").where, "my.(*Raft).ticker.func1, a.go:7");
});

test("a panic elsewhere, or words that are no panic", () => {
  assert.equal(lastWords(panic, "other").where, "");
  assert.deepEqual(lastWords(["exit status 2"], "other"), { why: "", where: "", text: "exit status 2" });
  assert.deepEqual(lastWords(["panic: cut"], "other"), { why: "panic: cut", where: "", text: "panic: cut" });
});
