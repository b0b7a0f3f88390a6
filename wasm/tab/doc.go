// Package tab makes a server of a browser tab, or of a native process: it gives
// it an identity that survives, joins it to its room, founds the room's cluster
// or asks to be let in, and runs it until it is crashed, fails, or ends.
//
// What a server is made of, from the bottom up:
//
//	Home      where its identity and state are stored (IndexedDB, a directory)
//	mesh      WebRTC connections to the room's other servers (package rtc)
//	bus       links to the other tabs of this browser (package bus)
//	client    the signaling connection that introduces them (signaling/client)
//	routes    which of the two carries a peer's frames
//	links     faults put between node and mesh, for lessons and tests
//	node      Raft itself (package node), and the map it replicates (package kv)
//
// All but the Home belong to one life. A crash ends the life and keeps the
// Home; a restart begins another, with a new incarnation.
//
// Files ending in _js.go touch the browser; everything else runs, and is
// tested, natively.
package tab
