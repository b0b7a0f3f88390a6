package reference

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"tabraft/raft"
	"tabraft/raft/lab/labgob"
	"tabraft/raft/lab/labrpc"
	"tabraft/raft/lab/raftapi"
	"tabraft/raft/lab/tester"
)

const (
	// heartbeatInterval keeps to the lab's ten heartbeats a second.
	heartbeatInterval = 100 * time.Millisecond
	// electionTimeout is the shortest wait; each is drawn from [1, 2) times it.
	electionTimeout = 350 * time.Millisecond
	// inflight is how many AppendEntries are sent ahead of the replies. The lab's
	// network lets calls overtake one another, and one that comes too early is
	// refused, so that more would rather slow things down.
	inflight = 2
)

// Raft is one server.
type Raft struct {
	mu        sync.Mutex
	core      *raft.Core
	peers     []*labrpc.ClientEnd
	id        raft.ID
	persister *tester.Persister
	start     time.Time
	indexes   indexes
	stored    raft.Stored // what the persister has

	wake chan struct{} // holds a token while the loop has something to do
	stop chan struct{} // closed by Kill
	once sync.Once

	applyCh  chan raftapi.ApplyMsg
	toApply  []raftapi.ApplyMsg
	hasApply *sync.Cond
	killed   bool
}

// Make starts a server and returns at once. It panics if the persister holds
// what this package did not write.
func Make(peers []*labrpc.ClientEnd, me int, persister *tester.Persister, applyCh chan raftapi.ApplyMsg) raftapi.Raft {
	rf := &Raft{
		peers: peers, id: raft.ID(me + 1), persister: persister, applyCh: applyCh, start: time.Now(),
		wake: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	rf.hasApply = sync.NewCond(&rf.mu)
	if err := rf.restore(len(peers)); err != nil {
		panic(fmt.Sprintf("server %d: %v", me, err))
	}
	rf.nudge()
	go rf.run()
	go rf.apply()
	return rf
}

func (rf *Raft) restore(servers int) error {
	var err error
	if rf.stored, err = load(rf.persister, servers); err != nil {
		return err
	}
	rf.core, err = raft.New(raft.Config{
		ID:                  rf.id,
		Rand:                rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
		ElectionTimeout:     electionTimeout,
		HeartbeatInterval:   heartbeatInterval,
		MaxInflightMessages: inflight,
	}, rf.stored, 0)
	if s := rf.stored.Snapshot; s != nil && err == nil {
		rf.indexes.reset(s)
	}
	return err
}

func (rf *Raft) now() time.Duration { return time.Since(rf.start) }

// nudge makes the loop go round.
func (rf *Raft) nudge() {
	select {
	case rf.wake <- struct{}{}:
	default:
	}
}

// run sees to deadlines and carries out what the core wants after a Start: so
// all that are called at about the same time share one AppendEntries.
func (rf *Raft) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		rf.mu.Lock()
		if rf.killed {
			rf.mu.Unlock()
			return
		}
		if now := rf.now(); now >= rf.core.NextDeadline() {
			rf.core.Tick(now)
		}
		rf.carryOut()
		timer.Reset(rf.core.NextDeadline() - rf.now())
		rf.mu.Unlock()
		select {
		case <-rf.wake:
		case <-timer.C:
		case <-rf.stop:
			return
		}
	}
}

// carryOut does what the core wants: saves, then calls. It gives the replies to
// requests, which their handlers return. The lock is held.
func (rf *Raft) carryOut() (replies []raft.Message) {
	for {
		rd, ok := rf.core.Ready()
		if !ok {
			return replies
		}
		if rd.Save != nil {
			rf.save(rd.Save)
			if err := rf.core.Saved(rf.now(), rd.Save.Seq); err != nil {
				panic(err) // it was just handed out
			}
		}
		for _, m := range rd.Messages {
			if isRequest(m.Type) {
				go rf.call(m)
			} else {
				replies = append(replies, m)
			}
		}
		rf.deliver(rd)
	}
}

// deliver queues what the service is to apply. The lock is held.
func (rf *Raft) deliver(rd raft.Ready) {
	if s := rd.Snapshot; s != nil && rf.indexes.covers(s) {
		// What was stored when the server started: the service knows it.
	} else if s != nil {
		rf.indexes.reset(s)
		rf.toApply = append(rf.toApply, raftapi.ApplyMsg{SnapshotValid: true, Snapshot: serviceState(s),
			SnapshotTerm: int(s.Term), SnapshotIndex: rf.indexes.applied()})
	}
	for _, e := range rd.Committed {
		if e.Kind == raft.EntryCommand {
			rf.toApply = append(rf.toApply, raftapi.ApplyMsg{CommandValid: true, Command: decode(e.Data),
				CommandIndex: rf.indexes.apply(e.Index)})
		}
	}
	if len(rf.toApply) > 0 {
		rf.hasApply.Signal()
	}
}

// apply hands messages to the service, without the lock: it may call Snapshot
// before it takes the next one.
func (rf *Raft) apply() {
	rf.mu.Lock()
	defer rf.mu.Unlock()
	for {
		for len(rf.toApply) == 0 && !rf.killed {
			rf.hasApply.Wait()
		}
		if rf.killed {
			return
		}
		queue := rf.toApply
		rf.toApply = nil
		rf.mu.Unlock()
		for _, m := range queue {
			select {
			case rf.applyCh <- m:
			case <-rf.stop:
				rf.mu.Lock()
				return
			}
		}
		rf.mu.Lock()
	}
}

// Start begins agreement on a command if this server leads.
func (rf *Raft) Start(command any) (index int, term int, isLeader bool) {
	data := encode(command)
	rf.mu.Lock()
	defer rf.mu.Unlock()
	v := rf.core.View()
	if v.Role != raft.Leader || rf.killed {
		return -1, int(v.Term), false
	}
	at, _, err := rf.core.Propose(rf.now(), data)
	if err != nil {
		return -1, int(v.Term), false
	}
	rf.nudge()
	return rf.indexes.ahead(rf.core, at), int(v.Term), true
}

// GetState tells the current term and whether this server believes that it
// leads.
func (rf *Raft) GetState() (term int, isLeader bool) {
	rf.mu.Lock()
	defer rf.mu.Unlock()
	v := rf.core.View()
	return int(v.Term), v.Role == raft.Leader
}

// Snapshot takes the service's state up to a command that it has applied.
func (rf *Raft) Snapshot(index int, snapshot []byte) {
	rf.mu.Lock()
	defer rf.mu.Unlock()
	at, ok := rf.indexes.at(index)
	if !ok || rf.killed {
		return // older than what there is
	}
	if err := rf.core.Compact(at, withIndex(index, snapshot)); err != nil {
		return // likewise
	}
	rf.indexes.forget(index)
	rf.carryOut()
}

// PersistBytes is the size of the persistent state without the snapshot.
func (rf *Raft) PersistBytes() int { return rf.persister.RaftStateSize() }

// Kill ends the server.
func (rf *Raft) Kill() {
	rf.once.Do(func() { close(rf.stop) })
	rf.mu.Lock()
	rf.killed = true
	rf.mu.Unlock()
	rf.hasApply.Broadcast()
}

// Commands are of any type: labgob keeps the type with the value.
func encode(command any) []byte {
	var w buffer
	if err := labgob.NewEncoder(&w).Encode(&command); err != nil {
		panic(fmt.Sprintf("the command %v cannot be encoded: %v", command, err))
	}
	return w
}

func decode(data []byte) (command any) {
	r := buffer(data)
	if err := labgob.NewDecoder(&r).Decode(&command); err != nil {
		panic(fmt.Sprintf("a command that Start encoded cannot be decoded: %v", err))
	}
	return command
}
