// Package signaling introduces the servers of a room to one another, so that they can open WebRTC connections between themselves.
//
// It carries no Raft traffic and holds nothing that matters: when it stops, established connections go on; when it starts again,
// its clients reconnect and it knows their rooms again from what they say.
//
// # What the server can and cannot do
//
// A room is known here by a token only, 32 hex digits derived from the room's name and key, which stay with the clients. What clients send one
// another is sealed with the room's key (package signaling/client), so this server can introduce and refuse; it cannot read, alter or impersonate.
// It trusts nothing that arrives: every size, rate and count has a limit (limits.go), and every refusal says why, in an `error` message and in
// the code and reason of the closing frame.
//
// # Protocol, version 1
//
// JSON text messages over a WebSocket at /signal, each at most [MaxMessageBytes] bytes. Ids and incarnations are 16 lower-case hex digits.
//
//	client  hello    version, room, peer,     first message, within HelloTimeout
//	                 secret
//	server  welcome  peers, ice               you are in; these are here
//	server  joined   peer                     somebody came
//	server  left     peer                     somebody's socket ended
//	client  signal   to, payload              relay this
//	server  signal   peer, payload            relayed from peer
//	client  ping                              are you there? (a page cannot see WebSocket pings)
//	server  pong                              yes
//	server  ping                              are you there? (another incarnation of your id wants in)
//	client  pong                              yes
//	server  error    code, message            refused; after some codes the socket closes
//
// Order: a client receives welcome before anything else, and every joined and left after it, so that the list in welcome, changed by each joined
// and left, is always the room as the server saw it. Nobody is in their own list.
//
// A hello with an id that is present under another incarnation waits until that one has answered a ping. If it does, the newcomer is refused with
// [CodeInUse]: two live copies of one server, as of a browser's profile that was copied, would be a danger to the cluster. If it does not
// answer within [ProofWait], or its socket ends, it is replaced: the others see left, then joined, and the old socket closes with [CodeReplaced]. The page itself must
// answer, not its browser, which also answers WebSocket pings for a page that was frozen. A hello with the id and the
// incarnation that are present, and the secret that the first one named, is the same tab on a new socket: the old socket closes and the others see
// nothing. With another secret it is somebody else who knows the incarnation, as the whole room does, and is treated as another incarnation.
package signaling
