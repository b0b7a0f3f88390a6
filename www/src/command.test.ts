import assert from "node:assert/strict";
import { test } from "node:test";
import { findServer, parse, words } from "./command";

test("words are parted by spaces, and quotes keep them", () => {
  const texts = (line: string) => words(line).map((word) => word.text);
  assert.deepEqual(texts("  put  a b "), ["put", "a", "b"]);
  assert.deepEqual(texts(`put "a key" 'it is "so"'`), ["put", "a key", 'it is "so"']);
  assert.deepEqual(texts(String.raw`put a "say \"hi\" \\"`), ["put", "a", String.raw`say "hi" \ `.trim()]);
  assert.deepEqual(texts(`put a ""`), ["put", "a", ""]);
  assert.deepEqual(texts(`put a b"c d"e`), ["put", "a", "bc de"]);
  assert.throws(() => words(`put a "b`), /not closed/);
});

test("every command is understood", () => {
  assert.deepEqual(parse("put k v"), { name: "put", key: "k", value: "v" });
  assert.deepEqual(parse("GET k"), { name: "get", key: "k" });
  assert.deepEqual(parse("cas k old new"), { name: "cas", key: "k", old: "old", value: "new" });
  assert.deepEqual(parse("delete k"), { name: "delete", key: "k" });
  assert.deepEqual(parse("remove brave otter"), { name: "remove", server: "brave otter" });
  assert.deepEqual(parse("transfer brave otter"), { name: "transfer", server: "brave otter" });
  assert.deepEqual(parse("snapshot"), { name: "snapshot" });
  assert.deepEqual(parse("removal 90"), { name: "removal", seconds: 90 });
  assert.deepEqual(parse("removal OFF"), { name: "removal", seconds: 0 });
  assert.deepEqual(parse("crash"), { name: "crash" });
  assert.equal(parse("   "), undefined);
});

test("nothing is an absent key, and \"nothing\" is a text", () => {
  assert.deepEqual(parse("cas k nothing v"), { name: "cas", key: "k", old: null, value: "v" });
  assert.deepEqual(parse(`cas k "nothing" v`), { name: "cas", key: "k", old: "nothing", value: "v" });
});

test("what is not understood says what to write", () => {
  assert.throws(() => parse("put k"), /write: put KEY VALUE$/);
  assert.throws(() => parse("put k a b"), /write: put KEY VALUE \(put quotes/);
  assert.throws(() => parse("crash now"), /write: crash$/);
  assert.throws(() => parse("heal"), /write: heal NAME$/);
  assert.throws(() => parse("removal soon"), /write: removal SECONDS, at least 1, or removal off$/);
  assert.throws(() => parse("removal 0.5"), /at least 1/);
  assert.throws(() => parse("set k v"), /no command "set"/);
  assert.throws(() => parse("constructor"), /no command/);
});

test("a server is found by name or by the start of its id", () => {
  const servers = [{ id: "aa01", name: "Brave Otter" }, { id: "aa02", name: "Calm Lynx" }];
  assert.equal(findServer(servers, "brave otter").id, "aa01");
  assert.equal(findServer(servers, "aa02").id, "aa02");
  assert.throws(() => findServer(servers, "aa"), /fits several/);
  assert.throws(() => findServer(servers, "wolf"), /no server is called "wolf"; there are Brave Otter, Calm Lynx/);
  assert.throws(() => findServer(servers, ""), /no server/);
});
