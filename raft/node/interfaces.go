package node

import (
	"time"

	"tabraft/raft"
)

// Storage keeps one server's term, vote and log. Only one server's driver
// holds it at a time.
type Storage interface {
	// Load gives the last durable state; the zero Stored for a new server.
	// It is called once, before the first Save.
	Load() (raft.Stored, error)
	// Save makes s durable, all or nothing, and then calls done exactly once,
	// from any goroutine, even before Save returns. Saves become durable in the
	// order of the calls. After an error the server stops and nothing
	// more is saved; what was already durable stays so. Save must not keep
	// s.Entries' slice beyond the call to done.
	Save(s *raft.Save, done func(error))
	// Close gives up what Load and Save hold. A Save under way may be lost,
	// but not torn.
	Close() error
}

// Transport carries frames to other servers.
type Transport interface {
	// Send queues one frame (package wire) for a peer, never blocks, and
	// reports whether it was queued. A frame may be lost, as Raft allows; it
	// is not altered, and frames to one peer arrive in order. The slice is
	// the transport's from now on.
	Send(to raft.ID, frame []byte) bool
}

// StateMachine is what the log is for. The loop makes one call at a time.
type StateMachine interface {
	// Apply runs one committed command and gives its encoded result, at most
	// wire.MaxCommand bytes, which travels back to whoever proposed it. It must
	// depend on nothing but the commands applied before, and must not keep or
	// change command.
	Apply(index uint64, command []byte) []byte
	// Snapshot encodes the state after the commands applied so far. The bytes
	// are the node's from then on. The server does nothing else meanwhile.
	Snapshot() []byte
	// Restore replaces the state by one that Snapshot gave, on this server or
	// another. It must not keep or change data. An error ends the server.
	Restore(data []byte) error
}

// Clock is where a driver's time comes from.
type Clock interface {
	// Now is monotonic, from an arbitrary zero, and goes on while the machine
	// or the tab is suspended where the platform can tell.
	Now() time.Duration
	// Timer makes a timer that calls fire, from any goroutine, once for each
	// Reset, at or after the set time.
	Timer(fire func()) Timer
}

// Timer is one pending wake-up.
type Timer interface {
	// Reset arms the timer for the Clock's time at, replacing what was set.
	Reset(at time.Duration)
	// Stop disarms it. A call already under way may still arrive.
	Stop()
}

// Logger takes what operators may want to read; a *slog.Logger is one. An
// interface, so that a tab does not have to load log/slog.
type Logger interface {
	Debug(message string, pairs ...any)
	Info(message string, pairs ...any)
	Warn(message string, pairs ...any)
}

// NoLog is the Logger that drops everything.
type NoLog struct{}

func (NoLog) Debug(string, ...any) {}
func (NoLog) Info(string, ...any)  {}
func (NoLog) Warn(string, ...any)  {}
