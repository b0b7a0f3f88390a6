package signaling

import "time"

// The server's limits. What happens at each is said beside it; the codes are in errors.go.
const (
	// MaxMessageBytes bounds one message, either way. A larger one closes the connection: too-large.
	MaxMessageBytes = 64 << 10
	// MaxPayloadBytes bounds the payload of a signal before base64, so that it fits into a message together with its envelope. More closes the connection: too-large.
	MaxPayloadBytes = 48000
	// MaxPeersPerRoom bounds a room. One more is refused: room-full.
	MaxPeersPerRoom = 64
	// MaxRooms bounds the rooms with somebody in them. One more is refused: too-many-rooms.
	MaxRooms = 4096
	// MaxConnections bounds open sockets, with or without a hello. One more is answered with HTTP status 503.
	MaxConnections = 16384
	// MessagesPerSecond and MessageBurst are the token bucket of one connection, control frames included. An empty bucket closes the connection: flood.
	// The burst covers a tab that meets a full room: an offer or answer and about ten candidates for each of the others.
	MessagesPerSecond = 200
	MessageBurst      = 1000
	// BytesPerSecond and ByteBurst are the same for the bytes of its messages: whoever receives them has to open their seals, in a tab.
	BytesPerSecond = 128 << 10
	ByteBurst      = 4 << 20
	// HelloTimeout is how long a new connection may take to say hello. Then it is closed: hello-timeout.
	HelloTimeout = 10 * time.Second
	// PingInterval is the time between the server's WebSocket pings.
	PingInterval = 5 * time.Second
	// PongWait is how long the server keeps a connection of which it hears nothing at all, not even a pong. Then the peer has left.
	PongWait = 15 * time.Second
	// ProofWait is how long a client has to answer when another incarnation of its id comes, which takes its place otherwise. An answer counts for ProofLasts,
	// so that nobody can make the server ask more often.
	ProofWait  = 1500 * time.Millisecond
	ProofLasts = time.Second
	// MaxQueueMessages and MaxQueueBytes bound what waits for one receiver. At either, the receiver is closed: slow.
	MaxQueueMessages = 1024
	MaxQueueBytes    = 1 << 20
	// MaxBadMessages is how many malformed messages a connection may send; each is answered. One more closes it: bad-message.
	MaxBadMessages = 10
	// WriteTimeout bounds one write to a socket. Then the peer has left.
	WriteTimeout = 5 * time.Second
	// CloseGrace is how long a connection may take to read its last messages and to close once it was told to.
	CloseGrace = time.Second
	// MaxICEServers and MaxICEFieldBytes bound the ICE configuration handed to clients.
	MaxICEServers    = 16
	MaxICEFieldBytes = 512
)
