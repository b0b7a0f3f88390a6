// What the tab's program offers as window.tabraft. Public, documented and
// stable: the page, the tests and a teacher's console scripts use the same
// calls. The page draws what state() returns and never computes Raft.

/** Role of a server. `joining` has no cluster yet; `stopped` has crashed. */
export type Role =
  | "joining" | "learner" | "follower" | "precandidate" | "candidate" | "leader" | "stopped";

/** How this tab's connection to another server is. `self` is this tab. */
export type Link = "self" | "open" | "connecting" | "probing" | "waiting" | "down";

/** What carries messages between this tab and another server: "webrtc" over the
 * network or this computer, "broadcast" over BroadcastChannel between tabs of
 * this browser, which needs no network; "" while nothing does. */
export type Transport = "webrtc" | "broadcast" | "";

/** A server of the cluster, as this tab knows it. */
export interface Member {
  /** 16 hex digits. */
  id: string;
  name: string;
  /** Index into the palette of server colours, 0 to 11. */
  colour: number;
  role: Role;
  /** False for a learner, which does not count for a majority. */
  voter: boolean;
  self: boolean;
  reachable: boolean;
  /** The term it last told, as the fields from leader to ageMs; null when it is
   * not known. */
  term: number | null;
  /** What the leader knows of it; null on tabs that do not lead. */
  matchIndex: number | null;
  nextIndex: number | null;
  progress: Progress | null;
  /** Milliseconds until this leader removes it because it is silent; 0 if that
   * waits for a majority to answer. null while it is not about to be removed, and
   * on tabs that do not lead. */
  removalMs: number | null;
  /** Milliseconds since anything came from it; null if never, or for this tab. */
  lastSeenMs: number | null;
  /** Round trip of the last liveness check in milliseconds. */
  rttMs: number | null;
  /** The connection by its transport, or else the one that WebRTC tries to make. */
  link: Link;
  transport: Transport;
  /** Whether link() or isolate() blocks the link, be it in one direction. */
  blocked: boolean;
  /** Id of the server that it follows, and of that which it voted for in its
   * term; empty for none, or not known. */
  leader: string;
  votedFor: string;
  /** How far its log is: committed, applied, the last entry, how far it is
   * stored, what its snapshot stands for. null when it is not known. */
  commitIndex: number | null;
  lastApplied: number | null;
  lastIndex: number | null;
  durableIndex: number | null;
  snapshotIndex: number | null;
  /** Entries that it applies a second; null when it is not known, and for this
   * tab. */
  appliedPerSecond: number | null;
  /** Its tab is in the background. */
  hidden: boolean;
  /** Milliseconds since it told all this, 0 for this tab; null if it never did. */
  ageMs: number | null;
  /** It has told nothing for more than 5 s: much may have changed. */
  stale: boolean;
}

/** How a leader sends its log to a member. */
export interface Progress {
  /** probe: looking for the place where the logs meet; replicate: entries go
   * without waiting for answers; snapshot: it lacks entries that are gone and is
   * being sent a snapshot. */
  state: "probe" | "replicate" | "snapshot";
  /** Messages with entries that are not answered yet. */
  inflight: number;
  /** The snapshot being sent: the last index it stands for, how many bytes have
   * arrived, how many there are; 0 without one. */
  snapshotIndex: number;
  snapshotReceived: number;
  snapshotSize: number;
}

/** A cluster in this room that is not this server's, with those of its servers
 * that are connected, as ids. */
export interface OtherCluster {
  id: string;
  servers: string[];
}

/** What this server refused from one peer since it began or was restarted:
 * forged, damaged, impossible or too many messages. */
export interface Refusal {
  /** Id of the peer; empty for what nobody can be named for. */
  peer: string;
  name: string;
  count: number;
  /** Why the last one was refused, and how many milliseconds ago. */
  reason: string;
  agoMs: number;
}

/** Answers to a candidate or pre-candidate, as ids. */
export interface Votes {
  granted: string[];
  refused: string[];
}

/** What a user may choose about this server while it runs. */
export interface Settings {
  /** While it leads, it removes members not heard for so many milliseconds, as
   * long as a majority answers; 0 for never, else at least 1000. */
  removeAfterMs: number;
  /** When this tab is closed while it leads, it asks another server to take over
   * at once. */
  handOver: boolean;
}

/** One moment of this server. It does not change once returned. */
export interface State {
  id: string;
  name: string;
  /** Index into the palette of server colours, 0 to 11. */
  colour: number;
  /** link is the invitation: whoever opens it joins the room. */
  room: { name: string; link: string };
  /** Cluster id; empty while there is none. */
  cluster: string;
  role: Role;
  term: number;
  /** Id of the leader; empty while none is known. */
  leader: string;
  /** Id of the server that this leader hands its office to; else empty. */
  transfer: string;
  /** null unless this server is a candidate or pre-candidate. */
  votes: Votes | null;
  commitIndex: number;
  lastApplied: number;
  lastIndex: number;
  /** The oldest entry that log() gives: those before it are only in the
   * snapshot. */
  firstIndex: number;
  /** The snapshot stands for the entries up to here; 0 without one. The newest
   * of them may still be in the log, for servers that are a little behind. */
  snapshotIndex: number;
  /** The configuration in force, from the entry at index: ids, and in words what
   * it asks for. outgoing is empty unless it is joint. */
  configuration: { index: number; committed: boolean; voters: string[]; outgoing: string[]; learners: string[]; text: string };
  members: Member[];
  /** Empty unless two clusters were founded under one room key. */
  clusters: OtherCluster[];
  /** The most frequent first; at most 32 peers are told apart. A peer that goes
   * on is disconnected, for longer and longer. */
  refusals: Refusal[];
  /** The timer that runs in this server. */
  timer: { kind: "election" | "heartbeat" | "none"; remainingMs: number; totalMs: number };
  /** How long this leader may answer reads by itself, in milliseconds; null
   * without a lease, which tabs do not use. */
  leaseMs: number | null;
  signaling: "connected" | "connecting" | "offline";
  quorum: { alive: number; needed: number; voters: number };
  settings: Settings;
  /** error is why the storage failed, and with it this server; cause what kind of
   * failure that is: full, cleared, taken (by another tab), closed, denied, newer
   * (written by a newer page), blocked, busy (does not answer, and is tried again),
   * damaged, other; empty without an error. */
  storage: { kind: string; bytes: number | null; error: string | null; cause: string };
  /** What is wrong and what to do, in plain words; empty when nothing is. */
  reason: string;
  /** The same as a short code for scripts; empty when nothing is wrong. */
  problem: string;
}

/** One entry of this server's log. */
export interface LogEntry {
  index: number;
  term: number;
  kind: "command" | "noop" | "configuration";
  text: string;
}

/** Answer to a command: a value, and the entry that carried the command; for
 * get the last entry that the value rests on. */
export interface Result {
  /** After put and cas the new value, after get the one there is, after delete
   * the one removed; null stands for none. */
  value: string | null;
  index: number;
  term: number;
}

/** What the promises of commands reject with. */
export interface Failure {
  code: string;
  message: string;
}

/** Faults to put on the link to one server; absent fields stay as they are. */
export interface LinkFault {
  block?: boolean;
  /** Share of messages lost, 0 to 1. */
  drop?: number;
  delayMs?: number;
  /** In which direction: both at first; out is what this server sends. */
  way?: "both" | "out" | "in";
}

/** A message between this server and a peer. */
export interface MessageEvent {
  dir: "sent" | "received";
  /** Name of the RPC; those that answer end in "Reply". */
  type: string;
  /** Id of the other server. */
  peer: string;
  term: number;
  /** The last index it speaks of. */
  index: number;
  /** How many entries it carries. */
  entries: number;
}

/** This server's role, term or leader changed; leader is empty while none is
 * known. */
export interface RoleEvent {
  role: Role;
  term: number;
  leader: string;
}

/** The connection to a server came up, moved to another transport, or went down,
 * or this leader removes it
 * because it was silent; without a peer, the members changed (reason "members"),
 * the signaling connection did ("signaling"), settings() did ("settings"), or
 * servers of another cluster came or went ("clusters"). */
export interface PeerEvent {
  peer: string;
  up: boolean;
  transport: Transport;
  reason: string;
}

/** Something was refused or failed; peer is absent if it was not from one. */
export interface ErrorEvent {
  message: string;
  peer?: string;
}

/** A snapshot of so many bytes up to index was taken or, if restored, put in the
 * place of the map and the log: from storage, or from the leader. */
export interface SnapshotEvent {
  index: number;
  bytes: number;
  restored: boolean;
}

/** What the listeners of on() are called with. */
export interface Events {
  role: RoleEvent;
  term: RoleEvent;
  leader: RoleEvent;
  /** commitIndex rose to index. */
  commit: { index: number };
  /** The entries from..index were applied, the last one of that term. */
  apply: { from: number; index: number; term: number };
  message: MessageEvent;
  peer: PeerEvent;
  snapshot: SnapshotEvent;
  /** The storage failed, and with it this server. */
  storage: ErrorEvent;
  error: ErrorEvent;
}

export interface Tabraft {
  state(): State;
  /** Entries from..to, both included, as far as they are in the log: none from
   * before state().firstIndex. */
  log(from: number, to: number): LogEntry[];
  /** The whole map as this server has applied it. */
  entries(): Record<string, string>;
  put(key: string, value: string): Promise<Result>;
  /** Reads what is committed, without a log entry. It sees every command that
   * was answered before, in any tab; one that is under way, perhaps not. */
  get(key: string): Promise<Result>;
  /** Sets the key if its value is old; null stands for an absent key. */
  cas(key: string, old: string | null, value: string): Promise<Result>;
  delete(key: string): Promise<Result>;
  /** Lose memory, keep storage, stay open. */
  crash(): Promise<void>;
  /** Start again from what is stored. Where the storage does not answer it rejects, and
   * the server goes on to try by itself until crash(). */
  restart(): Promise<void>;
  link(id: string, fault: LinkFault): Promise<void>;
  /** Cut, or mend, every link of this server. */
  isolate(cut: boolean): Promise<void>;
  /** Take a server out of the cluster. */
  remove(id: string): Promise<void>;
  /** Take a snapshot now; kept when it is stored. Gives the last index that it
   * stands for. */
  snapshot(): Promise<{ index: number }>;
  /** Have a voter lead, from any tab; kept when it does. */
  transfer(id: string): Promise<void>;
  /** Changes this browser's settings, for all its tabs; what is left out stays.
   * Gives them as they are then. */
  settings(change?: Partial<Settings>): Settings;
  /** Calls fn at each event of the kind; the result ends that. */
  on<K extends keyof Events>(kind: K, fn: (event: Events[K]) => void): () => void;
}

/** What the program makes window.tabraft's commands of. */
export interface Commands {
  put(key: unknown, value: unknown): Promise<Result>;
  get(key: unknown): Promise<Result>;
  cas(key: unknown, old: unknown, value: unknown): Promise<Result>;
  delete(key: unknown): Promise<Result>;
  /** Takes a JSON list of answers. */
  answer(answers: string): void;
  /** The program has ended: what waits for an answer, and what is asked for from now on,
   * is rejected as stopped, with this message. What waited may have taken effect. */
  end(message: string): void;
}

/** What the page tells the program before it runs. */
export interface Config {
  /** Address of the Worker that wakes the program in a hidden tab. */
  worker: string;
  /** Makes put, get, cas and delete of a call that takes a batch of them. */
  commands: (submit: (commands: string) => void) => Commands;
  /** Address of the signaling WebSocket. */
  signal: string;
}

/** Go's WebAssembly runtime, from wasm_exec.js. */
export interface GoRuntime {
  importObject: WebAssembly.Imports;
  exit: (code: number) => void;
  run(instance: WebAssembly.Instance): Promise<void>;
  /** What JavaScript that calls Go comes through. */
  _resume: () => void;
  /** Timers of the program that are not due. */
  _scheduledTimeouts: Map<number, number>;
}

declare global {
  interface Window {
    tabraft?: Tabraft;
    tabraftConfig?: Config;
    Go?: new () => GoRuntime;
    fs?: { writeSync(fd: number, bytes: Uint8Array): number };
  }
}
