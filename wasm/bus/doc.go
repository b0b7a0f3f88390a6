// Package bus is the mesh of the tabs of one browser: links over
// BroadcastChannel, which need neither a network nor signaling. It stands
// beside package rtc and carries the same frames. While WebRTC connects a pair,
// the pair's link here is a quiet spare.
//
// # Channels
//
// A browser's channel has a name, and whoever of the same origin opens that name
// hears what the others post on it. Two kinds of names are used:
//
//	NAME                 everybody of the room: who is there
//	NAME/A.INC-B.INC     one pair of lives, the lower ID first: all else, so
//	                     that a frame costs nobody but the two
//
// NAME is Config.Name, which has the room's token in it. That of a pair names
// both incarnations, so that an earlier life of a server neither hears nor says
// anything on it. Who can open these channels runs code of this page's origin
// and could as well read the room's key from its database: the bus does not
// defend against that, but nothing heard makes it grow or stop.
//
// # Messages
//
// A message is a Uint8Array of at most MaxMessage bytes; integers are
// big-endian. What is longer, or not as drawn here, is ignored and counted.
//
//	hello     0  | version u8 | asks u8 | id u64 | n u8 | incarnation, n bytes
//	frame     1  | a frame, 1 to MaxFrame bytes
//	ping      2  | number u32
//	pong      3  | number u32 of the ping
//	bye       4
//	datagram  5  | 1 to MaxDatagram bytes
//
// Hello is the only one on the room's channel. A life says it when it begins,
// asking: whoever hears that opens the pair's channel and says hello too. After
// that it says it every HelloInterval, without asking. The rest is for pairs. A
// link is up once anything was heard on its channel: then the other side
// listens there.
//
// # Liveness and flow
//
// Channels do not tell that a tab is gone. A life that ends says bye; one that
// was killed is found out by pings (package alive), by the table (state, event) ->
// (state, actions) in link.go, of which the transcripts in testdata show how it
// works. A hint that a peer may be gone (Mesh.Left, Mesh.Rely, Mesh.Retry)
// has it asked at once.
//
// A channel takes whatever is posted, also for a tab that is frozen. So the
// sender counts what it has posted since the last ping that was answered, and
// refuses frames beyond MaxUnanswered, and datagrams, which may be lost, beyond
// half of that.
package bus
