package bus

import "time"

// Sizes. What is larger is refused before anything is allocated for it.
const (
	// MaxFrame is the largest frame Send takes, in bytes.
	MaxFrame = 256 << 10
	// MaxMessage is the largest message on a channel, in bytes.
	MaxMessage = frameHeader + MaxFrame
	// MaxDatagram is the largest datagram, in bytes.
	MaxDatagram = 1 << 10
	// MaxUnanswered is how many bytes may be posted to one peer before it
	// answers a ping that was posted with them. Send refuses what would exceed it.
	MaxUnanswered = 512 << 10
	// MaxUnread is how many bytes may have arrived on one channel and wait to be
	// handled, each message counted with unreadOverhead more; what exceeds it is
	// dropped and counted. A peer that keeps to MaxUnanswered never gets there.
	MaxUnread = 4 << 20
	// MaxPeers is how many lives a mesh links to; further ones are ignored.
	MaxPeers = 64
	// MaxIncarnation is the longest incarnation, in bytes.
	MaxIncarnation = 64
)

const (
	// unreadOverhead is what an unread message costs besides its bytes.
	unreadOverhead = 128
	// askEvery is the number of bytes after which a ping is posted with them.
	askEvery = 64 << 10
)

// Times, all on Config.Clock. Those of a link that is up are package alive's.
const (
	// HelloInterval is the time between two hellos of a life.
	HelloInterval = 30 * time.Second
	// GreetAgain is how long a peer may say nothing on the pair's channel before
	// it is asked again, and GreetTimeout before it is forgotten.
	GreetAgain   = time.Second
	GreetTimeout = 4 * time.Second
	// SpareInterval is the time between pings of a spare, in place of
	// alive.PingInterval.
	SpareInterval = 10 * time.Second
	// RelyAnswerWithin is how long a spare has to answer when it is needed.
	RelyAnswerWithin = 500 * time.Millisecond
)
