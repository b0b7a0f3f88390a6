package rules

import "time"

// startLimit is how long Start may take before it is remarked on: no time has to
// pass in it, but in real time a busy machine may take some.
const startLimit = 100 * time.Millisecond

type voteKey struct{ term, candidate int }

// A server is what the watch knows of one.
type server struct {
	id          int
	life        int
	up          bool
	connected   bool
	connectedAt time.Duration
	beganAt     time.Duration
	open        map[*callSeen]bool // calls that it has begun to carry out

	// Terms.
	term     int // the highest it must know in this life, since
	termAt   time.Duration
	heard    int // the highest that has reached it in any life, first at
	heardAt  time.Duration
	toldTerm map[int]bool // terms that it has told others of, the highest,
	toldLast int
	toldOld  int // and the highest in earlier lives

	// Votes, of all lives.
	votedFor  map[int]int // by term
	votedLife map[int]int
	votedAt   map[int]time.Duration
	askedAt   map[voteKey]time.Duration // when a request first reached it

	// As a candidate, in this life.
	asked    int // the last term it asked for votes in, first at
	askedOn  time.Duration
	yes      map[int]map[int]bool // by term: who said yes
	yesTwice map[int]bool         // terms in which somebody's yes came more than once

	// As a leader, in this life.
	leadsTerm int
	leadsFrom time.Duration
	prior     int   // what it knew to be committed when it was elected
	acks      []int // by server, in leadsTerm
	allAcks   []int // by server, of replies to any term's requests
	own       int   // how far it may have committed by counting, since
	ownAt     time.Duration
	shown     int             // the highest commit index that it has told others in leadsTerm
	sentAt    []time.Duration // by server: its last AppendEntries or InstallSnapshot
	resent    int             // requests in a row with entries that were acknowledged
	unsaved   int             // the first entry that it took by Start and has not saved, 0 if none

	log       logModel
	given     given
	told      int // the highest commit index that it was told in this life
	limit     int // how far it may take that as its own: what AppendEntries that it accepted have checked
	snapshot  int
	applied   int // since
	appliedAt time.Duration
	// What the service has restored at the beginning of this life.
	restored int

	// What it acknowledged in the present term, for what it refuses later.
	ackTerm, ackIndex int
	ackAt             time.Duration
	sinceAck          *callSeen // the last request that it carried out after that
	shorter           *callSeen // the last that it accepted and that ended before its log did

	hasSnapshot bool // it has saved one

	savedHash uint64
	changedAt time.Duration // when other bytes were saved

	stateLife, stateTerm int
	stateLeads           bool
	stateAt              time.Duration

	timer  timer
	backup []backup
	beats  []beats
}

func newServer(id, n int) *server {
	s := &server{
		id: id, votedFor: map[int]int{}, votedLife: map[int]int{}, votedAt: map[int]time.Duration{},
		askedAt: map[voteKey]time.Duration{}, toldTerm: map[int]bool{},
		log: newLogModel(), given: given{entries: map[entryKey]bool{}}, changedAt: -1, stateTerm: -1,
		sentAt: make([]time.Duration, n),
		backup: make([]backup, n), beats: make([]beats, n), acks: make([]int, n), allAcks: make([]int, n),
	}
	return s
}

// begin makes a server ready for a new life.
func (s *server) begin(life, restored int, now time.Duration) {
	s.restored = restored
	s.life, s.up, s.beganAt = life, true, now
	s.open = map[*callSeen]bool{}
	s.term, s.termAt = 0, now
	s.asked, s.leadsTerm = 0, 0
	s.yes, s.yesTwice = map[int]map[int]bool{}, map[int]bool{}
	// What it once knew to be committed is so for ever, and it may have saved it.
	s.told = max(s.told, s.own, s.prior, s.snapshot)
	s.limit = max(s.limit, s.own, s.prior, s.snapshot)
	s.own, s.prior = 0, s.limit
	s.shown, s.unsaved = 0, 0
	s.toldOld = s.toldLast
	s.applied = max(s.snapshot, restored)
	s.ackIndex, s.ackTerm, s.sinceAck, s.shorter = 0, 0, nil, nil
	clear(s.acks)
	clear(s.allAcks)
	s.timer = timer{resetAt: now}
	clear(s.backup)
	clear(s.beats)
}

// knows notes a term that a server must have taken over by now.
func (s *server) knows(term int, now time.Duration) {
	if term > s.term {
		s.term, s.termAt = term, now
	}
	s.hears(term, now)
}

// hears notes that a term has reached a server.
func (s *server) hears(term int, now time.Duration) {
	if s.timer.why == asLeader && term > s.leadsTerm {
		s.timer.set(now, asLeader) // it steps down
	}
	if term > s.heard {
		s.heard, s.heardAt = term, now
	}
}

// tells notes that others hear from a server of its term.
func (s *server) tells(term int) {
	s.toldTerm[term] = true
	s.toldLast = max(s.toldLast, term)
}

// limits notes how far an accepted request lets a follower's commit index go.
func (s *server) limits(c *callSeen) {
	if c.kind == appendEntries && c.hasCommit {
		s.limit = max(s.limit, min(c.commit, c.index+c.count))
	}
}

// mayShow is how far a server may take entries for committed. What it has begun to
// carry out counts: its reply may not have been seen yet.
func (s *server) mayShow() int {
	index := max(s.limit, s.own, s.prior, s.snapshot)
	for c := range s.open {
		switch {
		case c.kind == appendEntries && c.hasCommit:
			index = max(index, min(c.commit, c.index+c.count))
		case c.kind == installSnapshot:
			index = max(index, c.index)
		}
	}
	return index
}
