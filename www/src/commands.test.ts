import assert from "node:assert/strict";
import { test } from "node:test";
import { makeCommands } from "./commands";

/** Commands, and what was submitted of them. */
function setUp() {
  const batches: { id: number; op: string }[][] = [];
  const commands = makeCommands((batch) => { batches.push(JSON.parse(batch)); });
  return { commands, batches };
}

test("what one task asks for goes together, and each gets its answer", async () => {
  const { commands, batches } = setUp();
  const put = commands.put("k", 1);
  const get = commands.get("k");
  await Promise.resolve();
  assert.deepEqual(batches, [[{ id: 1, op: "put", key: "k", value: "1" }, { id: 2, op: "get", key: "k" }]]);
  commands.answer(JSON.stringify([
    { id: 2, code: "timeout", message: "too late" },
    { id: 1, value: "1", index: 7, term: 3 },
  ]));
  assert.deepEqual(await put, { value: "1", index: 7, term: 3 });
  await assert.rejects(get, { code: "timeout", message: "too late" });
});

test("commands of a program that has ended are rejected, whenever they came", async () => {
  const { commands, batches } = setUp();
  const submitted = commands.put("k", "v");
  await Promise.resolve();
  const waiting = commands.get("k");
  commands.end("the program ended");
  const late = commands.delete("k");
  for (const command of [submitted, waiting, late, commands.cas("k", null, "v")]) {
    await assert.rejects(command, { code: "stopped", message: "the program ended" });
  }
  assert.equal(batches.length, 1);
  commands.answer(JSON.stringify([{ id: 1, value: "v", index: 1, term: 1 }]));
});
