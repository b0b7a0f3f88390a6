// Package client joins a room through a signaling server, from a tab and from a native program alike.
//
// A [Room] is a name and a 128-bit key, carried in the fragment of the page's address, which browsers send to nobody:
//
//	http://localhost:8080/#room=amber-otter-42&key=AAECAwQFBgcICQoLDA0ODxdF
//
// From the key come the token under which the server knows the room, and the cipher that seals every payload between two peers:
// the server can introduce and refuse, not read or impersonate.
//
// A [Client] keeps one socket to the server and calls its [Handler]. It reconnects for ever, since connections between peers
// outlive the server and only new ones need it.
package client
