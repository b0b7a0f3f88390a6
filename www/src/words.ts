// The page's words: the same thing is called the same everywhere.

import type { Link, Member, Progress, Refusal, Role, State, Transport } from "./api";

const roles: Record<Role, string> = {
  joining: "joining",
  learner: "learner",
  follower: "follower",
  precandidate: "pre-candidate",
  candidate: "candidate",
  leader: "leader",
  stopped: "crashed",
};

/** What a role is called on the page. */
export function roleWord(role: Role): string { return roles[role] ?? role; }

const links: Record<Link, string> = {
  self: "this tab",
  open: "connected",
  connecting: "connecting",
  probing: "checking the link",
  waiting: "waiting to try again",
  down: "no link",
};

const transports: Record<Transport, string> = {
  webrtc: "by WebRTC",
  broadcast: "inside this browser, by BroadcastChannel",
  "": "",
};

/** What the link to a member is called on the page: how it is, and by what. */
export function linkWords(member: Member): string {
  const how = links[member.link] ?? member.link;
  const by = transports[member.transport] ?? member.transport;
  return by ? `${how} ${by}` : how;
}

/** The members in an order that is the same on every tab, with this server
 * among them even before the cluster has admitted it. */
export function membersOf(state: State): Member[] {
  const members = [...state.members];
  if (!members.some((member) => member.self)) {
    members.push({
      id: state.id, name: state.name, colour: state.colour, role: state.role, voter: false, self: true,
      reachable: true, term: state.term, matchIndex: null, nextIndex: null, progress: null, removalMs: null,
      lastSeenMs: null, rttMs: null, link: "self", transport: "", blocked: false, leader: state.leader, votedFor: "",
      commitIndex: state.commitIndex, lastApplied: state.lastApplied, lastIndex: state.lastIndex, durableIndex: null,
      snapshotIndex: state.snapshotIndex, appliedPerSecond: null, hidden: false, ageMs: 0, stale: false,
    });
  }
  return members.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

/** What to show as a member's role: only this tab and those that can be
 * reached have one that is known. */
export function standing(member: Member): string {
  if (!member.self && !member.reachable) return "unreachable";
  return roleWord(member.role);
}

/** Name of the server with this id; a part of the id if it is not a member. */
export function nameOf(state: State, id: string): string {
  if (id === state.id) return state.name;
  return state.members.find((member) => member.id === id)?.name ?? id.slice(0, 8);
}

/** "1 server", "3 servers". */
export function count(n: number, one: string, many = one + "s"): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** 12345 as "12,345". */
export function grouped(n: number): string { return n.toLocaleString("en"); }

/** 12345 as "12 KB": for people, in steps of 1000. */
export function bytes(n: number): string {
  if (n < 1000) return `${n} bytes`;
  for (const [unit, size] of [["GB", 1e9], ["MB", 1e6], ["KB", 1e3]] as const) {
    if (n >= size) return `${(n / size).toFixed(n / size < 10 ? 1 : 0)} ${unit}`;
  }
  return "";
}

/** 1234 as "1.2 s", 12.3 as "12 ms". */
export function duration(ms: number): string {
  if (ms < 1) return "<1 ms";
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** How much of a snapshot being sent has arrived, in per cent. */
export function snapshotShare(progress: Progress): number {
  return progress.snapshotSize > 0 ? Math.floor((100 * progress.snapshotReceived) / progress.snapshotSize) : 0;
}

/** How the leader in this tab brings a member's log up to date, in few words,
 * where that is worth telling; else empty. */
export function progressWords(member: Member, state: State): string {
  const progress = member.progress;
  if (!progress || member.self || !member.reachable) return "";
  switch (progress.state) {
    case "snapshot":
      return `snapshot ${snapshotShare(progress)} %`;
    case "probe":
      return "comparing logs";
    case "replicate":
      return member.matchIndex !== null && member.matchIndex < state.commitIndex ? `log ${member.matchIndex} of ${state.lastIndex}` : "";
  }
}

/** How far a member's log is, in few words; empty when it is not known. */
export function logWords(member: Member): string {
  return member.lastIndex === null ? "" : `log ${grouped(member.lastIndex)}`;
}

/** The same for those who do not see the picture. */
export function logSentence(member: Member): string {
  if (member.lastIndex === null || member.commitIndex === null) return "";
  return `log of ${count(member.lastIndex, "entry", "entries")}, ${grouped(member.commitIndex)} committed`;
}

/** That what is known of a member is old; empty if it is not. In whole seconds up
 * to a minute, since it is said again with every change. */
export function staleWords(member: Member): string {
  if (!member.stale || member.ageMs === null) return "";
  const seconds = Math.floor(member.ageMs / 1000);
  return `stale, ${seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`} old`;
}

/** When the leader in this tab removes a silent member; empty if it does not. */
export function removalWords(member: Member): string {
  if (member.removalMs === null) return "";
  return member.removalMs > 0 ? `removed in ${Math.ceil(member.removalMs / 1000)} s` : "to be removed";
}

/** How a member answered the candidate in this tab; empty if that is not one. */
export function voteWords(member: Member, state: State): string {
  if (!state.votes || !member.voter) return "";
  if (member.self) return `${count(state.votes.granted.length, "vote")} of ${state.quorum.needed}`;
  if (state.votes.granted.includes(member.id)) return "for this tab";
  return state.votes.refused.includes(member.id) ? "refused" : "no answer yet";
}

/** What the snapshot stands for, and which entries are nowhere else; empty if
 * there is none. */
export function compactedWords(state: State): string {
  const { firstIndex, snapshotIndex } = state;
  if (snapshotIndex === 0) return "";
  const entries = (last: number) => (last === 1 ? "Entry 1 is" : `Entries 1–${grouped(last)} are`);
  const kept = "for servers that are a little behind";
  if (firstIndex === 1) return `${entries(snapshotIndex)} in the snapshot, and kept in the log ${kept}.`;
  if (snapshotIndex < firstIndex) return `${entries(firstIndex - 1)} in the snapshot.`;
  return `${entries(firstIndex - 1)} in the snapshot. It goes up to ${grouped(snapshotIndex)}; the newest are kept ${kept}.`;
}

/** The quiet line shown when nothing is wrong. */
export function wellWords(state: State): string {
  if (state.role === "joining") return "Looking for the room's other servers.";
  const { alive, voters } = state.quorum;
  const servers = alive < voters ? `${alive} of ${voters} servers alive` : count(voters, "server");
  const leader = state.leader
    ? state.leader === state.id ? "this tab leads" : `${nameOf(state, state.leader)} leads`
    : "no leader yet";
  const learning = state.role === "learner" ? "; this tab is catching up before it may vote" : "";
  return `${servers}, ${leader}${learning}.`;
}

/** How far replication is, as far as this tab can tell. */
export function replicationWords(state: State): string {
  if (state.transfer) return `Leadership is being handed to ${nameOf(state, state.transfer)}.`;
  if (state.configuration.outgoing.length > 0) return `The members are changing; ${state.configuration.text}.`;
  const behind = state.members.filter((m) => m.matchIndex !== null && m.matchIndex < state.commitIndex && !m.self);
  if (state.lastIndex > state.commitIndex) {
    return `${count(state.lastIndex - state.commitIndex, "change")} not committed yet.`;
  }
  const receiving = state.members.find((m) => m.progress?.state === "snapshot" && m.reachable);
  if (receiving) return `${receiving.name} is receiving the snapshot, ${snapshotShare(receiving.progress!)} %.`;
  if (behind.length > 0) return `${behind.map((m) => m.name).join(", ")} catching up.`;
  return state.quorum.alive < state.quorum.voters ? "All changes committed." : "All changes replicated.";
}

/** What was refused, in one line; empty if nothing was. */
export function refusedWords(refusals: readonly Refusal[]): string {
  const worst = refusals[0];
  if (worst === undefined) return "";
  const all = refusals.reduce((sum, r) => sum + r.count, 0);
  return `${grouped(all)} message${all === 1 ? "" : "s"}, most from ${worst.name || "strangers"}: ${worst.reason}`;
}
