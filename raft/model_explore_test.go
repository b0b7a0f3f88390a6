package raft

import (
	"math/rand/v2"
	"time"
)

// model_explore_test.go: breadth-first exploration of a model. A state of the
// cluster is a few numbers: those of its servers' states, of the messages ever
// sent, and of the history that the checks need.

// model says what is explored.
type model struct {
	name    string
	cfg     Config
	voters  int      // servers 1..voters found the cluster, the others have empty disks
	elected bool     // begin with server 1 leading in term 2, all of it committed everywhere
	maxTerm uint64   // states with a later term are not explored
	limits  limits   // how often each input may happen
	targets []uint32 // voters to change to, as bits
	// sync: saves take no time. lazy: Ready is an input of its own, as the
	// driver may take its time. stale: requests from a term that the receiver
	// has left behind are delivered; otherwise they are lost.
	sync, lazy, stale bool
	// distinct: states that differ in names alone are not merged, as a leader
	// that makes way chooses among equals by their ids.
	distinct bool
	meets    string // what it must meet: names of note, separated by commas
	fault    fault
}

// limits are by kind of input. What is not named may not happen; inDeliver and
// inReport always may.
type limits [inputKinds]uint8

// unlimited inputs need no count: the states that they lead to are finite.
const unlimited = 255

const inputKinds = int(inPeerDown) + 1

// modelHistory is what the checks remember of the past.
type modelHistory struct {
	leaders [8]ID             // by term
	facts   string            // committed entries: content and term of the leader that committed it
	least   string            // by ticket: what was committed when the read was asked for
	used    [inputKinds]uint8 // how often each limited input happened
}

type knownHistory struct {
	modelHistory
	sums sums
}

// modelState is one state of the cluster.
type modelState struct {
	servers [modelServers]uint32
	history uint32
	// net are the messages that were ever sent and may still make a
	// difference. Any may be delivered at any time, any number of times or
	// never: losses, delays, repetition and reordering need no inputs.
	net []uint32
}

type explorer struct {
	*model
	fault     *fault
	rng       *rand.Rand
	renamings []renaming
	buf       []byte

	servers   []*modelServer
	serverOf  map[sum128]uint32
	messages  []modelMessage
	messageOf map[sum128]uint32
	contents  []Entry
	contentOf map[contentKey]uint16
	logs      map[string]modelLog
	histories []knownHistory
	historyOf map[modelHistory]uint32
	outcomes  []outcome
	known     numberTable // of outcomes, by server and input

	// Every state seen, in the order of discovery.
	seen    sumTable
	parents []uint32
	via     []input

	initial     modelState
	child       modelState // the last one that next made
	childTotal  sums
	current     []uint32 // states to expand, packed
	coming      []uint32 // and those after them
	transitions int
	met         map[string]int
	// For tests: what merging would leave of distinct states, and the states
	// without their messages.
	orbits, bare *sumTable
	depth        int
	began        time.Time
}

func newExplorer(m *model) *explorer {
	x := &explorer{model: m, fault: m.fault.withDefaults(), rng: rand.New(rand.NewPCG(1, 1)),
		serverOf: map[sum128]uint32{}, messageOf: map[sum128]uint32{}, contentOf: map[contentKey]uint16{},
		logs: map[string]modelLog{}, historyOf: map[modelHistory]uint32{}, met: map[string]int{}, began: time.Now()}
	x.renamings = []renaming{{0, 1, 2, 3}, {0, 1, 3, 2}, {0, 2, 1, 3}, {0, 2, 3, 1}, {0, 3, 1, 2}, {0, 3, 2, 1}}
	if m.distinct {
		x.renamings = x.renamings[:1]
	}
	x.found()
	return x
}

// found makes the initial state.
func (x *explorer) found() {
	conf := Configuration{Voters: idsOf(1<<(x.voters+1) - 2)}
	disk := foundingDisk(conf)
	h := modelHistory{}
	for id := ID(1); id <= modelServers; id++ {
		s := &modelServer{core: &Core{cfg: Config{ID: id}}}
		if conf.IsVoter(id) {
			s.disk = disk
		}
		o := outcome{}
		x.start(s)
		x.ready(s, &o)
		canonical(s.core)
		x.initial.servers[id-1] = x.serverNumber(s)
	}
	first := x.servers[x.initial.servers[0]].log.contents[0]
	h.facts = string(fact16(first, 1))
	x.initial.history = x.historyNumber(&h)
	if x.elected {
		x.elect()
	}
	x.initial.net = nil
	x.child, x.childTotal = x.initial.copy(), x.total(&x.initial)
	total := x.total(&x.initial)
	x.seen.add(total.least(len(x.renamings)))
	x.parents, x.via = append(x.parents, 0), append(x.via, 0)
	x.coming = x.initial.pack(x.coming)
}

// elect lets server 1 win an election, its first entry commit, and everybody
// learn of that.
func (x *explorer) elect() {
	m := x.model
	x.model = &model{cfg: m.cfg, maxTerm: 2, limits: limits{inTimeout: unlimited, inHeartbeat: unlimited}}
	x.do(newInput(inTimeout, 0, 0))
	x.settle()
	for range 2 {
		x.do(newInput(inHeartbeat, 0, 0))
		x.settle()
	}
	x.model = m
	clear(x.met)
}

// do changes the initial state. It tells whether it did.
func (x *explorer) do(in input) bool {
	total := x.total(&x.initial)
	what, broken := x.next(&x.initial, &total, in)
	if broken != "" {
		panic(broken)
	}
	if what == stepNew {
		x.initial = x.child.copy()
	}
	return what == stepNew
}

// settle delivers and reports all there is until that changes nothing more.
func (x *explorer) settle() {
	for again := true; again; {
		again = false
		for i := range modelServers {
			for len(x.servers[x.initial.servers[i]].core.saves.pending) > 0 {
				again = x.do(newInput(inReport, i, 0)) || again
			}
		}
		for _, m := range x.initial.copy().net {
			again = x.do(newInput(inDeliver, int(x.messages[m].To)-1, m)) || again
		}
	}
}

func (st *modelState) copy() modelState {
	c := *st
	c.net = append([]uint32(nil), st.net...)
	return c
}

// pack appends a state to others, unpack takes one off.
func (st *modelState) pack(to []uint32) []uint32 {
	to = append(to, st.servers[0], st.servers[1], st.servers[2], st.history, uint32(len(st.net)))
	return append(to, st.net...)
}

func (st *modelState) unpack(from []uint32) []uint32 {
	copy(st.servers[:], from)
	st.history = from[modelServers]
	n := from[modelServers+1]
	st.net = from[modelServers+2:][:n]
	return from[modelServers+2+n:]
}

// total is the sum of all parts.
func (x *explorer) total(st *modelState) (t sums) {
	n := len(x.renamings)
	for _, s := range st.servers {
		t.add(&x.servers[s].sums, n)
	}
	for _, m := range st.net {
		t.add(&x.messages[m].sums, n)
	}
	t.add(&x.histories[st.history].sums, n)
	return t
}

// violation is where a rule was broken: after that input in that state.
type violation struct {
	state uint32
	in    input
	what  string
}

func (v *violation) Error() string { return v.what }

// explore visits every state within the bounds, or as many as wanted, or until
// a rule is broken.
func (x *explorer) explore(most int) *violation {
	st := modelState{}
	for number := uint32(0); len(x.coming) > 0; x.depth++ {
		x.current, x.coming = x.coming, x.current[:0]
		for rest := x.current; len(rest) > 0; number++ {
			rest = st.unpack(rest)
			total := x.total(&st)
			var bad *violation
			x.inputs(&st, func(in input) bool {
				what, broken := x.next(&st, &total, in)
				if broken != "" {
					bad = &violation{number, in, broken}
					return false
				}
				if what == stepNew {
					x.visit(number, in, &total)
				}
				return true
			})
			if bad != nil {
				return bad
			}
			if len(x.parents) >= most {
				return nil
			}
		}
	}
	return nil
}

// complete tells whether all states within the bounds were visited.
func (x *explorer) complete() bool { return len(x.coming) == 0 }

// visit notes the child that next has made, if it was not seen before. total
// is its parent's.
func (x *explorer) visit(parent uint32, in input, total *sums) {
	x.transitions++
	key := x.childTotal.least(len(x.renamings))
	if x.orbits != nil {
		x.orbits.add(key)
		key = x.childTotal[0]
	}
	if !x.seen.add(key) {
		return
	}
	if x.bare != nil {
		st := x.child
		st.net = nil
		total := x.total(&st)
		x.bare.add(total.least(len(x.renamings)))
	}
	x.parents, x.via = append(x.parents, parent), append(x.via, in)
	x.coming = x.child.pack(x.coming)
}

// inputs lists what may happen in a state, until told to stop.
func (x *explorer) inputs(st *modelState, try func(input) bool) {
	for _, m := range st.net {
		if !try(newInput(inDeliver, int(x.messages[m].To)-1, m)) {
			return
		}
	}
	used := &x.histories[st.history].used
	may := func(kind inputKind) bool {
		most := x.limits[kind]
		return most == unlimited || used[kind] < most
	}
	for i := range modelServers {
		s := x.servers[st.servers[i]]
		if !x.ofServer(s, used, may, func(kind inputKind, arg int) bool { return try(newInput(kind, i, uint32(arg))) }) {
			return
		}
	}
}

// ofServer lists what may happen to one server, but for messages. It gives
// false when told to stop.
func (x *explorer) ofServer(s *modelServer, used *[inputKinds]uint8, may func(inputKind) bool, try func(inputKind, int) bool) bool {
	leads := s.core.role == Leader
	ok := true
	one := func(kind inputKind, when bool, arg int) {
		ok = ok && (!when || !may(kind) || try(kind, arg))
	}
	if x.lazy {
		ok = try(inReady, 0)
	}
	for i, p := range s.core.saves.pending {
		ok = ok && (p.done || try(inReport, i))
	}
	one(inTimeout, !leads && s.core.currentTerm < x.maxTerm, 0)
	one(inHeartbeat, leads, 0)
	one(inLapse, true, 0)
	for written := 0; written <= s.unwritten(); written++ {
		one(inCrash, true, written)
	}
	one(inPropose, leads, int(used[inPropose]))
	one(inCompact, s.core.lastApplied > s.core.SnapshotIndex(), 0)
	one(inGiveUp, leads && s.core.transfer.target != None, 0)
	one(inHandOver, leads, 0)
	one(inRead, s.core.leader != None, int(used[inRead])+1)
	for _, bits := range x.targets {
		one(inReconfigure, leads, int(bits))
	}
	for id := ID(1); id <= modelServers; id++ {
		other := id != s.id()
		one(inTransfer, leads && other, int(id))
		one(inPeerDown, other, int(id))
	}
	return ok
}

func (s *modelServer) unwritten() (n int) {
	for _, w := range s.saving {
		if !w.onDisk {
			n++
		}
	}
	return n
}
