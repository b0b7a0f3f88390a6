// Package rtc is the mesh: one WebRTC connection to every other server of a
// room, natively and in a browser from the same code.
//
// Signaling only introduces servers. Whoever owns a Mesh tells it who is there
// (Present, Joined, Left) and carries its small introduction messages (Config.
// Signal, Mesh.Signal). A connection that stands needs signaling no more: when
// signaling goes away nothing is torn down.
//
// # Who does what
//
// Of each pair exactly one side makes the offers, so that two can never offer
// at once: a tab offers to a native server (the other way round it takes 1 s
// instead of 0.2 s), otherwise the lower ID offers. The offerer numbers its
// connections (the attempt) and, within one connection, its ICE restarts (the
// round). The answerer can ask for either with a request. A message about an
// older attempt, an older round or an older life of a tab (incarnation) is
// ignored.
//
// What one side of a pair does is a table, (state, event) -> (state, actions),
// in link.go; the transcripts in testdata show it at work. Everything else serves it:
// mesh.go holds the links and the single goroutine that runs them, conn.go
// turns actions into pion calls and pion callbacks into events, pion_js.go and
// pion_native.go hold what differs between a browser and a process.
//
// # Data channels
//
// Each connection has two, both negotiated: a reliable, ordered one, label "raft",
// stream 0, and one for what may be lost, label "telemetry", stream 1, unordered,
// never repeated. A message on the first is a fragment of at most MaxFragment
// bytes; integers are big-endian.
//
//	hello   0  | version u8 | id u64 | n u8 | incarnation, n bytes
//	whole   1  | a frame
//	first   2  | length of the frame u32 | its first bytes
//	more    3  | offset in the frame u32 | its bytes from there on
//	ping    4  | number u32
//	pong    5  | number u32 of the ping
//
// Hello is the first fragment either way, and comes once; a link is up when
// both sides have theirs. Frames do not interleave, but a ping or pong may stand
// between the fragments of one. Whatever breaks these rules closes the
// connection, with the reason in Link.LastError, and a new one is made after a
// back-off.
//
// A message on the second channel is one datagram, as it was given to
// SendDatagram: 1 to MaxDatagram bytes. It is handed to the Handler while the
// link is up, and has no other effect: it is no sign of life, and nothing about
// it, nor about its channel, is an event of the table. SendDatagram drops a
// datagram as long as another waits to leave. What comes too fast, too long or as
// text is dropped before it takes memory, and counted; a peer that goes on is
// listened to no more on this channel until there is another connection.
//
// # Signaling payload
//
// JSON, at most MaxSignal bytes, sealed by the Mesh's owner:
//
//	{"v":1, "kind":KIND, "from":INCARNATION, "to":INCARNATION, "attempt":N, "round":N, ...}
//
//	offer      "sdp"        offerer: a new connection (a new attempt) or an ICE restart (a new round)
//	answer     "sdp"        answerer: to the offer of this attempt and round
//	candidate  "candidate"  either: one ICE candidate; empty after the last one
//	request    "restart"    answerer: I need an ICE restart of this attempt, or have given it up
//	taken                   either: I am connected to you, in another incarnation, which is alive
//
// # Two incarnations of one server
//
// A reload is a new incarnation, and the connection to the one before it closes by
// itself. If signaling tells of another incarnation of a peer that is connected, the
// one that is connected is asked whether it is there. If it answers it stays, and
// the other one is told that it is taken: it runs on a copy of the first one's
// storage, and two of one server are a danger to the cluster. If it does not
// answer, the other one takes its place.
//
// # Peers that misbehave
//
// Whatever a peer sends has a limit in limits.go. One that breaks the protocol or
// floods is disconnected, and not connected to again for MuteFirst, for twice as long
// the next time, and so on. Config.Refused is told of each refusal.
//
// # Time
//
// A peer that was silent is doubted (package alive), and the owner told
// (Config.Silent), who may see whether signaling is still there: it will be
// needed. All time is the Clock's, never a Go ticker, which browsers slow down in
// hidden tabs. Nothing waits for a lost message forever: an offer, a connection,
// a ping each has a deadline in limits.go, and a failure is followed by another
// try after a random time of up to MinBackoff·2ⁿ, at most MaxBackoff, for as long
// as the peer is listed by signaling. Mesh.Retry ends that wait.
package rtc
