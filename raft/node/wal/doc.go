// Package wal is node.Storage in a file, for servers that are no browser tabs.
//
// A server has a directory of its own:
//
//	lock       held by the one process that has the directory open
//	meta.json  which server this is: see Meta
//	log        what it must not forget: term, vote, snapshot, entries
//
// # The log
//
// Integers are big-endian; crc is CRC-32C.
//
//	header:  magic "tabraft\n" 8, version 4, salt 8, whole 8, crc of these 4
//	record:  length 4, check 4, crc of the payload 4, payload
//	payload: saves, each: length 4, the bytes of wire.AppendSave
//
// One record is one write followed by one fsync. Saves that come while a write
// is under way share the next one. A save is reported done when the fsync that
// covers it is over, so what is lost with a crash was never reported.
//
// A save with a snapshot replaces all that was stored: it is the first one of a
// new log, which is written beside the old one, as log.new, and takes its place
// when it is on the disk. So the log is about as long as the latest snapshot and
// what was saved after it. While it is replaced, the disk must have room for both.
//
// whole is the length that the log had when it took its place. Version 1 of the
// format, which is still read and written on until the next snapshot, has no
// whole: there it is the length of the header.
//
// # After a crash
//
// A record is begun only when the one before it is on the disk. So a crash can
// damage the last record alone, and only one behind whole; Open cuts that off
// with a warning. Any other damaged record is no crash but a broken disk or a stray
// hand; Open then refuses the log, naming file and offset, since to go on
// without entries that were acknowledged would break the promise of Raft.
//
// To tell the two apart even if the damage hits a record's length, the check is
// the crc of salt, the record's offset, and its length: a record that comes
// later can be recognised where it begins. The salt is random, so that no
// command can contain bytes that pass for one.
package wal
