// Package wal is node.Storage in a file, for servers that are no browser tabs.
//
// A server has a directory of its own:
//
//	lock       held by the one process that has the directory open
//	meta.json  which server this is: see Meta
//	log        what it must not forget: term, vote, entries
//
// # The log
//
// The log only grows. Integers are big-endian; crc is CRC-32C.
//
//	header:  magic "tabraft\n" 8, version 4, salt 8, crc of these 4
//	record:  length 4, check 4, crc of the payload 4, payload
//	payload: saves, each: length 4, the bytes of wire.AppendSave
//
// One record is one write followed by one fsync. Saves that come while a write
// is under way share the next one. A save is reported done when the fsync that
// covers it is over, so what is lost with a crash was never reported.
//
// # After a crash
//
// A record is begun only when the one before it is on the disk. So a crash can
// damage the last record alone, and Open cuts that off with a warning. A damaged
// record with another one behind it is no crash but a broken disk or a stray
// hand; Open then refuses the log, naming file and offset, since to go on
// without entries that were acknowledged would break the promise of Raft.
//
// To tell the two apart even if the damage hits a record's length, the check is
// the crc of salt, the record's offset, and its length: a record that comes
// later can be recognised where it begins. The salt is random, so that no
// command can contain bytes that pass for one.
package wal
