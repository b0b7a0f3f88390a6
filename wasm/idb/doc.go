// Package idb keeps what this browser must not forget in IndexedDB: the rooms
// it knows, the servers it is, and what each of those servers has saved. It
// exists under GOOS=js only.
//
// # Schema, version 2
//
//	store    key      value
//	rooms    token    {token, name, key, cluster, made, used}   index used
//	servers  id       {id, room, cluster, owner, used}          index room: [room, used]
//	saves 00 [id, n]  Uint8Array, one record of wire.AppendSave
//	         [id, "owner"]         servers[id].owner again, for saves to read
//	         [id, "last"]          n of the last batch; 0 if there is none
//	         [id, "fence", owner]  when this owner was fenced off
//	saves 01 and so on to 31: a server's store is its id modulo 32
//
// Version 1 had one store for all saves; opening such a database moves them.
//
// Ids and cluster ids are 16 hex digits, since a JavaScript number holds only
// 53 bits of them; the cluster 0000000000000000 stands for none. used is
// milliseconds since 1970. n counts a server's batches from 1 without gaps. A
// batch with a snapshot replaces all before it, which are deleted in the same
// transaction: the batches that are there begin with number 1 or with a snapshot.
// So the storage holds the latest snapshot and what was saved after it. A
// snapshot is one value however large; while it is written there must be room
// for it beside what it replaces.
//
// The room of a server that was put aside, as a copy of one that runs elsewhere, has
// aside/ before its token: nobody takes it any more.
//
// # Who may write
//
// servers[id].owner names the one incarnation (one life of one tab) that may
// save. Take writes it and puts up a fence against the owner before: a record that
// this one's saves run against. Locks between tabs are the first line of defence,
// this is the second: where a lock fails, two tabs still cannot both write as one
// server. The latest 64 owners stay fenced off; one from before that is still told,
// but what it saved last stays.
//
// # A tab that is stopped
//
// The browser runs one writing transaction on a store at a time, and a tab may be
// stopped at any moment, by a machine that sleeps or a browser that freezes it. So a
// save is handed over whole, with its end, never waits for its tab, and uses no other
// store: see Storage. That leaves the time between its first call and its last, which
// one stop in a hundred of a busy server met. So servers of one browser save into stores of
// their own, as long as there are enough: a new server gets an id that is Apart from
// those that are there.
//
// All else uses stores that the tabs share. Who waits for a tab that is stopped in
// the middle of that gives up in time, see DB, and leaves nothing in anybody's way.
//
// # What durable means
//
// Every writing transaction asks for durability "strict", and is reported from
// its complete event: the browser has told the system to put it on the disk.
// A transaction that aborts (no room left, site data cleared, another owner)
// is an error, and nothing is saved after it.
//
// # What may be gone
//
// People delete data, all of it or what they see in their browser's tools. A server
// must not come back with a vote or an entry forgotten. So whoever misses something of
// it says so, and what is deleted is told from what never was:
//
//   - The database: whoever has it open hears of it and fails (ErrCleared), and rooms
//     and servers are gone together.
//   - All that a server saved, as when its store was emptied: without the note of its
//     owner nobody takes it, a save fails (ErrUnknown), and what is left of it is deleted. The
//     tab becomes a new server. The same goes for the note alone.
//   - Some batches, wherever: Load gives ErrDamaged and the server does not start, since
//     numbers have no gaps, and the last one is noted. If all are gone, and the note of
//     the last one is, too, the server is gone as above.
//   - Its record in servers: nobody knows it any more. It goes on as long as its tab runs,
//     for what it promises is stored; then it is gone, and what it saved is deleted if somebody
//     asks for it.
//   - The record of its room: a link brings the room back. The server comes back, too, for it
//     knows its cluster; but none is founded, for Made is gone.
//
// What is not told: the last batches deleted one by one together with the note of the
// last one, but not that of the owner; and a whole database from an earlier time put in
// this one's place, for which see tab/twice.go.
//
// # How it talks to the browser
//
// Go runs on the page's only thread. Requests of one transaction are issued
// from callbacks that never wait, because a transaction ends itself as soon as
// it is left idle; a goroutine waits for the transaction's end only. Callbacks
// turn a panic into the failure of their transaction.
package idb
