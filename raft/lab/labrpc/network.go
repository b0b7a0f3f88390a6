package labrpc

import (
	"log"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// What the network does to calls, in the course's figures.
const (
	// An unreliable network delays each request by less than this, and
	unreliableDelay = 27 * time.Millisecond
	// loses this share of requests, and again of replies, in 1000.
	lossPerMille = 100

	// With long reordering, two of three replies are delayed by
	reorderShare, reorderOf = 2, 3
	// this much, and by up to a random part of reorderSpread more.
	reorderMin    = 200 * time.Millisecond
	reorderSpread = 2200 * time.Millisecond

	// A call to a server that cannot be reached fails after less than this,
	deadDelay = 100 * time.Millisecond
	// or this with long delays.
	deadLongDelay = 7 * time.Second
)

// MaxInFlight is the number of calls that may be under way in one network,
// counting those whose method has not returned yet. Further calls are lost at once.
const MaxInFlight = 1 << 14

// maxComplaints bounds how many different complaints a network passes on.
const maxComplaints = 64

// Config says how a network is to behave. The zero value is a network as the
// course has it, with seed 0.
type Config struct {
	// Seed decides what happens to each call.
	Seed uint64
	// Cost is how long a server needs for each RPC it receives, one after
	// another. In virtual time it bounds how much work fits into a second; 0 in
	// real time, where work has its own cost.
	Cost time.Duration
	// Jitter delays each request and each reply by a random time below it, so that
	// runs differ by their seeds also on a reliable network.
	Jitter time.Duration
	// Observe, if not nil, is told every step of every call, by one goroutine at
	// a time, in the order in which they happen. It must not wait for anything.
	Observe func(Event)
	// Complain is told, once for each text, of calls that cannot be made: a method
	// that does not exist, arguments that gob cannot encode. Nil: the log.
	Complain func(error)
	// Panicked, if not nil, is told of a panic in a method: the end's name, the
	// method, the value, and (being called by the panicking goroutine) it can get the
	// stack. The call is lost and the program goes on; whatever the method had
	// locked stays locked. Nil: the panic ends the program.
	Panicked func(end any, method string, value any)
}

// A Network connects ends to servers. It begins reliable, with all ends
// disabled. Its methods may be called from any goroutine.
type Network struct {
	cfg   Config
	count atomic.Int64
	bytes atomic.Int64

	observing sync.Mutex // held while Observe runs

	mu             sync.Mutex
	ends           map[any]*netEnd
	made           uint64 // ends made
	servers        map[any]*host
	unreliable     bool
	longDelays     bool
	longReordering bool
	inFlight       int
	calls          uint64
	complaints     map[string]bool
	closed         bool
	done           chan struct{} // closed by Cleanup
}

// A host is a server in its place in the network, from AddServer until it is
// deleted or replaced.
type host struct {
	server *Server
	gone   chan struct{} // closed when it is deleted or replaced
	free   time.Time     // when it will have carried out what has arrived
}

// MakeNetwork returns a network with a random seed.
func MakeNetwork() *Network {
	return NewNetwork(Config{Seed: rand.Uint64()})
}

// NewNetwork returns a network that behaves as cfg says.
func NewNetwork(cfg Config) *Network {
	return &Network{
		cfg:        cfg,
		ends:       map[any]*netEnd{},
		servers:    map[any]*host{},
		complaints: map[string]bool{},
		done:       make(chan struct{}),
	}
}

// Cleanup ends the network: every call under way returns false, and so does
// every later one. Methods that servers have begun to carry out still run on.
func (n *Network) Cleanup() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed {
		n.closed = true
		close(n.done)
	}
}

// MakeEnd returns an end named endname, any value that can be a map's key. It has
// to be connected and enabled. A name that is used again replaces the end.
func (n *Network) MakeEnd(endname any) *ClientEnd {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.made++
	e := &netEnd{net: n, name: endname, id: n.made, from: -1, to: -1}
	if link, ok := endname.(Link); ok {
		e.from, e.to = link.From, link.To
	}
	n.ends[endname] = e
	return NewClientEnd(e)
}

// Connect sets the server that an end's calls go to.
func (n *Network) Connect(endname, servername any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if e := n.ends[endname]; e != nil {
		e.server = servername
	}
}

// Enable lets an end's calls through, or cuts them off.
func (n *Network) Enable(endname any, enabled bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if e := n.ends[endname]; e != nil {
		e.enabled = enabled
	}
}

// AddServer puts a server in place, instead of one of that name if there is one.
func (n *Network) AddServer(servername any, s *Server) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.removeLocked(servername)
	n.servers[servername] = &host{server: s, gone: make(chan struct{})}
}

// DeleteServer removes a server. Calls that it has begun to carry out are lost.
func (n *Network) DeleteServer(servername any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.removeLocked(servername)
}

func (n *Network) removeLocked(servername any) {
	if h := n.servers[servername]; h != nil {
		close(h.gone)
		delete(n.servers, servername)
	}
}

// Reliable turns off (true) or on (false) short delays and losses.
func (n *Network) Reliable(yes bool) { n.set(&n.unreliable, !yes) }

// LongReordering delays two of three replies, most by 200 ms and more.
func (n *Network) LongReordering(yes bool) { n.set(&n.longReordering, yes) }

// LongDelays makes calls to servers that cannot be reached take up to 7 s.
func (n *Network) LongDelays(yes bool) { n.set(&n.longDelays, yes) }

func (n *Network) set(what *bool, to bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	*what = to
}

// GetCount returns how many calls have reached the server, 0 if there is none of
// that name.
func (n *Network) GetCount(servername any) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if h := n.servers[servername]; h != nil {
		return h.server.GetCount()
	}
	return 0
}

// GetTotalCount returns how many calls were made, the lost ones included.
func (n *Network) GetTotalCount() int { return int(n.count.Load()) }

// GetTotalBytes returns the bytes of all requests, and of all replies that left
// their server.
func (n *Network) GetTotalBytes() int64 { return n.bytes.Load() }

// InFlight returns how many calls are under way, counting those whose method
// has not returned.
func (n *Network) InFlight() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.inFlight
}

func (n *Network) complain(err error) {
	n.mu.Lock()
	text := err.Error()
	known := n.complaints[text] || len(n.complaints) >= maxComplaints
	n.complaints[text] = true
	n.mu.Unlock()
	switch {
	case known:
	case n.cfg.Complain != nil:
		n.cfg.Complain(err)
	default:
		log.Print(err)
	}
}
