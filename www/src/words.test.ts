import assert from "node:assert/strict";
import { test } from "node:test";
import type { Member, State } from "./api";
import {
  bytes, compactedWords, count, duration, grouped, linkWords, logSentence, logWords, membersOf, nameOf, progressWords, refusedWords, removalWords, replicationWords, staleWords,
  standing, voteWords, wellWords,
} from "./words";

function member(id: string, name: string, more: Partial<Member> = {}): Member {
  return {
    id, name, colour: 0, role: "follower", voter: true, self: false, reachable: true,
    term: 3, matchIndex: null, nextIndex: null, progress: null, removalMs: null, lastSeenMs: 5, rttMs: 1, link: "open", transport: "webrtc", blocked: false,
    leader: "a1", votedFor: "a1", commitIndex: 9, lastApplied: 9, lastIndex: 9, durableIndex: 9, snapshotIndex: 0,
    appliedPerSecond: 0, hidden: false, ageMs: 40, stale: false, ...more,
  };
}

function state(more: Partial<State> = {}): State {
  return {
    id: "b2", name: "otter", colour: 1, room: { name: "meadow", link: "" }, cluster: "c", role: "follower", term: 3,
    leader: "a1", transfer: "", votes: null, commitIndex: 9, lastApplied: 9, lastIndex: 9, firstIndex: 1, snapshotIndex: 0,
    configuration: { index: 3, committed: true, voters: ["a1", "b2", "c3"], outgoing: [], learners: [], text: "" },
    leaseMs: null, settings: { removeAfterMs: 60_000, handOver: true },
    members: [member("c3", "lynx"), member("b2", "otter", { self: true, link: "self" }), member("a1", "heron", { role: "leader" })],
    timer: { kind: "election", remainingMs: 100, totalMs: 300 }, signaling: "connected",
    quorum: { alive: 3, needed: 2, voters: 3 }, storage: { kind: "IndexedDB", bytes: null, error: null, cause: "" }, clusters: [], refusals: [],
    reason: "", problem: "", ...more,
  };
}

test("a link, in words", () => {
  assert.equal(linkWords(member("a", "heron")), "connected by WebRTC");
  assert.equal(linkWords(member("a", "heron", { transport: "broadcast" })), "connected inside this browser, by BroadcastChannel");
  assert.equal(linkWords(member("a", "heron", { link: "connecting", transport: "" })), "connecting");
  assert.equal(linkWords(member("a", "heron", { link: "self", transport: "" })), "this tab");
});

test("all is well, in words", () => {
  assert.equal(wellWords(state()), "3 servers, heron leads.");
  assert.equal(wellWords(state({ leader: "b2", role: "leader" })), "3 servers, this tab leads.");
  assert.equal(wellWords(state({ leader: "", role: "candidate" })), "3 servers, no leader yet.");
  assert.equal(wellWords(state({ role: "learner" })), "3 servers, heron leads; this tab is catching up before it may vote.");
  assert.equal(wellWords(state({ quorum: { alive: 2, needed: 2, voters: 3 } })), "2 of 3 servers alive, heron leads.");
  assert.equal(wellWords(state({ role: "joining" })), "Looking for the room's other servers.");
});

test("how far replication is", () => {
  assert.equal(replicationWords(state()), "All changes replicated.");
  assert.equal(replicationWords(state({ lastIndex: 10 })), "1 change not committed yet.");
  assert.equal(replicationWords(state({ quorum: { alive: 2, needed: 2, voters: 3 } })), "All changes committed.");
  const lagging = state({ members: [member("c3", "lynx", { matchIndex: 4 }), member("a1", "heron", { matchIndex: 9 })] });
  assert.equal(replicationWords(lagging), "lynx catching up.");
});

test("a change of members and of the leader, in words", () => {
  const configuration = { ...state().configuration, outgoing: ["a1", "b2"], text: "joint: to commit takes 2 of x, y and 2 of x, y, z" };
  assert.equal(replicationWords(state({ configuration })), "The members are changing; joint: to commit takes 2 of x, y and 2 of x, y, z.");
  assert.equal(replicationWords(state({ configuration, transfer: "c3" })), "Leadership is being handed to lynx.");
});

test("how a member's log is brought up to date", () => {
  const progress = { state: "snapshot" as const, inflight: 0, snapshotIndex: 7, snapshotReceived: 419, snapshotSize: 1000 };
  assert.equal(progressWords(member("c3", "lynx", { progress }), state()), "snapshot 41 %");
  assert.equal(progressWords(member("c3", "lynx", { progress: { ...progress, snapshotSize: 0 } }), state()), "snapshot 0 %");
  assert.equal(progressWords(member("c3", "lynx", { progress, reachable: false }), state()), "");
  const receiving = state({ members: [member("c3", "lynx", { progress, matchIndex: 0 })] });
  assert.equal(replicationWords(receiving), "lynx is receiving the snapshot, 41 %.");
  assert.equal(progressWords(member("c3", "lynx", { progress: { ...progress, state: "probe" } }), state()), "comparing logs");
  const replicate = { ...progress, state: "replicate" as const };
  assert.equal(progressWords(member("c3", "lynx", { progress: replicate, matchIndex: 9 }), state()), "");
  assert.equal(progressWords(member("c3", "lynx", { progress: replicate, matchIndex: 4 }), state({ lastIndex: 10 })), "log 4 of 10");
});

test("how far a member's log is, and how old that is", () => {
  assert.equal(logWords(member("c3", "lynx")), "log 9");
  assert.equal(logWords(member("c3", "lynx", { lastIndex: 1200 })), "log 1,200");
  assert.equal(logWords(member("c3", "lynx", { lastIndex: null })), "");
  assert.equal(logSentence(member("c3", "lynx", { lastIndex: 1, commitIndex: 0 })), "log of 1 entry, 0 committed");
  assert.equal(logSentence(member("c3", "lynx", { lastIndex: null })), "");
  assert.equal(staleWords(member("c3", "lynx", { ageMs: 4000 })), "");
  assert.equal(staleWords(member("c3", "lynx", { ageMs: 8400, stale: true })), "stale, 8 s old");
  assert.equal(staleWords(member("c3", "lynx", { ageMs: 185_000, stale: true })), "stale, 3 min old");
  assert.equal(membersOf(state({ members: [] }))[0]!.lastIndex, 9);
});

test("removal, votes and the snapshot, in words", () => {
  assert.equal(removalWords(member("c3", "lynx")), "");
  assert.equal(removalWords(member("c3", "lynx", { removalMs: 12_001 })), "removed in 13 s");
  assert.equal(removalWords(member("c3", "lynx", { removalMs: 0 })), "to be removed");
  const votes = { granted: ["b2", "c3"], refused: ["a1"] };
  const campaigning = state({ role: "candidate", votes });
  assert.deepEqual(campaigning.members.map((m) => voteWords(m, campaigning)), ["for this tab", "2 votes of 2", "refused"]);
  assert.equal(voteWords(member("d4", "owl"), campaigning), "no answer yet");
  assert.equal(voteWords(member("d4", "owl"), state()), "");
  assert.equal(compactedWords(state()), "");
  assert.equal(compactedWords(state({ firstIndex: 2, snapshotIndex: 1 })), "Entry 1 is in the snapshot.");
  assert.equal(compactedWords(state({ firstIndex: 4813, snapshotIndex: 4812 })), "Entries 1–4,812 are in the snapshot.");
  assert.equal(compactedWords(state({ firstIndex: 4813, snapshotIndex: 5000 })),
    "Entries 1–4,812 are in the snapshot. It goes up to 5,000; the newest are kept for servers that are a little behind.");
  assert.equal(compactedWords(state({ snapshotIndex: 7 })), "Entries 1–7 are in the snapshot, and kept in the log for servers that are a little behind.");
  assert.equal(grouped(1234567), "1,234,567");
});

test("members are in the same order on every tab, this server among them", () => {
  assert.deepEqual(membersOf(state()).map((m) => m.id), ["a1", "b2", "c3"]);
  const alone = membersOf(state({ members: [], role: "joining" }));
  assert.deepEqual(alone.map((m) => [m.id, m.self, m.role]), [["b2", true, "joining"]]);
});

test("only who can be reached has a role that is known", () => {
  assert.equal(standing(member("c3", "lynx", { role: "leader", reachable: false })), "unreachable");
  assert.equal(standing(member("b2", "otter", { role: "stopped", self: true, reachable: false })), "crashed");
  assert.equal(nameOf(state(), "a1"), "heron");
  assert.equal(nameOf(state(), "0123456789abcdef"), "01234567");
});

test("what was refused, in words", () => {
  const stranger = { peer: "d4", name: "mole", count: 1200, reason: "it is forged", agoMs: 5 };
  assert.equal(refusedWords([]), "");
  assert.equal(refusedWords([{ ...stranger, peer: "", name: "", count: 1 }]), "1 message, most from strangers: it is forged");
  assert.equal(refusedWords([stranger, { ...stranger, count: 34 }]), `${grouped(1234)} messages, most from mole: it is forged`);
});

test("numbers for people", () => {
  assert.deepEqual([999, 1000, 12345, 5_270_000].map(bytes), ["999 bytes", "1.0 KB", "12 KB", "5.3 MB"]);
  assert.deepEqual([0.2, 12.4, 1234].map(duration), ["<1 ms", "12 ms", "1.2 s"]);
  assert.equal(count(1, "entry", "entries"), "1 entry");
  assert.equal(count(2, "entry", "entries"), "2 entries");
});
