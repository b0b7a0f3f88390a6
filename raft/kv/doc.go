// Package kv is a replicated map from text to text: what the log of tabraft is
// for. Every server has a Map and applies to it the committed commands, in log
// order; all then hold the same.
//
// # Exactly once
//
// A command may be committed twice: a client that hears no answer sends it
// again, while the first one is on its way. The map applies it once, by client
// sessions as in section 6.3 of Ongaro's dissertation.
//
// A client opens a session by committing an OpenSession command; the session's
// id is the log index of that command. In each command it then names the
// session, a sequence number of its own (from 1), and Done, the lowest number
// to which it has had no answer. The map remembers a session's results from
// Done on, and answers a repeated number with the remembered result. Commands
// of one session may be outstanding together and be applied in any order.
// Session does the client's part.
//
// At most MaxSessions sessions exist, holding at most MaxResults bytes of results;
// the one whose last command is furthest back in the log expires. A command of an unknown session is answered with
// SessionExpired and not applied. Whether an earlier copy of it was applied
// cannot be known then; a client opens a new session for what it does next.
//
// # Formats
//
// uv is an unsigned varint in its shortest form, text a uv length and that many
// bytes of UTF-8. A command, with an op that never changes its meaning, since
// logs live long:
//
//	op  1
//	    1 OpenSession  nothing more
//	    the others:    session uv, seq uv, done uv, key text, then
//	    2 Put          value text
//	    3 Get          nothing more
//	    4 CAS          expected 1 (0: no value, 1: the one following),
//	                   old text if expected is 1, value text
//	    5 Delete       nothing more
//
// A result:
//
//	code 1, found 1 (0 or 1), value text
//
// A snapshot, the whole state of a Map:
//
//	version   1   SnapshotVersion
//	entries   uv  then each, in the order of the keys' bytes:
//	              key text, value text
//	sessions  uv  then each, the least recently used one first:
//	              id uv, done uv, results uv, then each result, in the order
//	              of sequence numbers:
//	              seq uv (less done; after the first one: less the seq of the
//	              one before, less 1), a result as above
//
// It has all that decides what later commands do, so that a server which
// restores it and applies the log after it is equal to one that applied the
// whole log: a command repeated across a snapshot still takes effect once. Equal
// states have equal snapshots.
package kv
