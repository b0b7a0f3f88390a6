package rtc

import "time"

// Sizes. What is larger is refused before anything is allocated for it.
const (
	// MaxFrame is the largest frame Send takes, in bytes.
	MaxFrame = 256 << 10
	// MaxFragment is the largest data-channel message, in bytes, header
	// included: every browser and pion carry this much.
	MaxFragment = 16 << 10
	// MaxBuffered is how many bytes may wait to be sent to one peer. Send
	// refuses a frame that would exceed it, except that a frame of any allowed
	// size may follow when no more than nearlyEmpty wait. A channel's own
	// buffer never has more: pion stalls for good with much more in it.
	MaxBuffered = 64 << 10
	// MaxUnread is how many bytes may have arrived from one peer and wait to
	// be handled, each message counted with unreadOverhead more. A peer that
	// exceeds it floods, and its connection is closed.
	MaxUnread = 4 << 20
	// MaxDatagram is the largest datagram, in bytes: one that fits into a single
	// packet.
	MaxDatagram = 1 << 10
	// DatagramRate is how many datagrams a second of one peer come in, after a
	// burst of DatagramBurst; as many may wait to be handled. Further ones are
	// dropped, and counted in Link.
	DatagramRate  = 10
	DatagramBurst = 20
	// MaxDatagramsDropped is how many are dropped so on one connection before it
	// listens to no more of them: dropping costs time, too.
	MaxDatagramsDropped = 1000
	// MessagesPerSecond and MessageBurst are how many messages a peer may send on a
	// channel, as many as servers under full load need several times over. A peer
	// that exceeds them floods, and its connection is closed.
	MessagesPerSecond = 8000
	MessageBurst      = 16000
	// PingsPerSecond and PingBurst are how many of them may be pings or answers to
	// pings: a sound peer sends one a second, and some when there is doubt. A slow tab
	// may take all its time for fewer than MessagesPerSecond of them.
	PingsPerSecond = 20
	PingBurst      = 100
	// MaxOffences is how many frames of a peer, over one connection, may be
	// refused by whoever takes them (Mesh.Offence) as such that no sound server
	// sends. At one more its connection is closed.
	MaxOffences = 15
	// OffersPerSecond and OfferBurst are how many offers of a peer count, or
	// requests for one; each costs a connection. Further ones are ignored.
	OffersPerSecond = 2
	OfferBurst      = 20
	// ConnectionsPerSecond and ConnectionBurst are how many connections a mesh
	// makes, to whomever: each costs as much as a thousand messages. Further ones wait
	// as after a failure. The burst is that of a full room, twice.
	ConnectionsPerSecond = 20
	ConnectionBurst      = 2 * MaxPeers
	// MaxPeers is how many peers a mesh links to; further ones are ignored.
	MaxPeers = 64
	// MaxIncarnation is the longest incarnation, in bytes.
	MaxIncarnation = 64
	// MaxSignal is the largest signaling payload, in bytes.
	MaxSignal = 32 << 10
	// MaxSDP is the longest session description, in bytes.
	MaxSDP = 16 << 10
	// MaxCandidate is the longest ICE candidate, in bytes.
	MaxCandidate = 1 << 10
	// MaxCandidates is how many candidates of a peer count per offer.
	MaxCandidates = 64
	// MaxSignals is how many signaling payloads may wait to be handled;
	// further ones are dropped and the attempt they belong to is made again.
	MaxSignals = 1024
)

const (
	// unreadOverhead is what an unread message costs besides its bytes.
	unreadOverhead = 128
	// nearlyEmpty is the number of bytes that do not count as waiting: pion
	// acknowledges the last packet of a burst up to 200 ms late.
	nearlyEmpty = 4 << 10
	// lowWater is the level of a channel's buffer, in bytes, at which the rest
	// of a long frame is handed over.
	lowWater = MaxBuffered / 2
)

// Times, all on Config.Clock. Those of a link that is up are package alive's.
const (
	// MinBackoff and MaxBackoff bound the wait before another attempt: a
	// random time of up to MinBackoff doubled with every failure, at most
	// MaxBackoff.
	MinBackoff = 100 * time.Millisecond
	MaxBackoff = 5 * time.Second
	// AnswerTimeout is how long an offer waits for its answer at first; it
	// doubles with every failure, up to ConnectTimeout.
	AnswerTimeout = 3 * time.Second
	// ConnectTimeout is how long a connection may take from the answer to the
	// peer's hello.
	ConnectTimeout = 10 * time.Second
	// OfferTimeout is how long an answerer waits for the first offer before it
	// asks for one.
	OfferTimeout = 4 * time.Second
	// MuteFirst is how long a peer that broke the protocol or floods is not
	// connected to again; it doubles with every time, up to MuteMax.
	MuteFirst = time.Second
	MuteMax   = time.Minute
	// RivalAnswerWithin is how long a connected peer has to answer when signaling
	// lists another incarnation of it.
	RivalAnswerWithin = time.Second
	// TakenInterval is the time between two refusals of one incarnation whose
	// server is connected under another.
	TakenInterval = time.Second
	// StableAfter is how long a link must have been up for its earlier
	// failures to be forgotten.
	StableAfter = 5 * time.Second
)
