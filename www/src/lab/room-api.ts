// What the program of a room's tab (wasm/labroom) takes of the page, and offers it.

import type { SeatStore } from "./seat-store";

/** window.tabraftRoomConfig, set before the program starts. */
export interface RoomConfig {
  /** Address of timer.worker.js. */
  worker: string;
  /** Address of the signaling WebSocket. */
  signal: string;
  store: SeatStore;
  /** Names the program's build. */
  build: string;
}

export interface Count { sent: number; answered: number; handled: number }

/** What a server tells of itself. */
export interface Digest {
  seat: number;
  build: string;
  term: number;
  leader: boolean;
  /** GetState has not returned for a while. */
  blocked: boolean;
  /** The index applied last, and a hash of all that was applied. */
  index: number;
  hash: string;
  recent: { index: number; text: string }[] | null;
  saves: number;
  /** Bytes of Raft's state and of the snapshot. */
  state: number;
  snapshot: number;
  rpcs: Record<string, Count>;
  bytes: number;
  problem: string;
}

/** What state() gives, as JSON. */
export interface RoomState {
  /** This tab's seat, -1 if it has none. */
  me: number;
  seats: { seat: number; up: boolean; ageMs: number; digest: Digest | null }[] | null;
  snapshots: boolean;
  complaints: string[] | null;
  problem: string;
  room: string;
  link: string;
  count: number;
  signaling: boolean;
  /** Why the server in this tab has ended, empty if it runs. */
  ended: string;
}

/** window.tabraftRoom, there when the event "tabraftroom" comes. */
export interface Room {
  state(): string;
  /** Hands a command to Start of the Raft in this tab. */
  start(command: string): Promise<{ index: number; term: number; leader: boolean }>;
  snapshot(): Promise<{ index: number }>;
}

declare global {
  interface Window { tabraftRoom?: Room; tabraftRoomConfig?: RoomConfig }
}
