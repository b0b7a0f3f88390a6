package tester

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tabraft/raft/lab/labrpc"
	"tabraft/raft/lab/raftapi"
)

// Raft is what all years have. Each Start sends its command at once.
type Raft struct {
	index int
	send  func(command any, index int)
}

func (rf *Raft) Start(command any) (int, int, bool) {
	rf.index++
	go rf.send(command, rf.index)
	return rf.index, 1, true
}

func (rf *Raft) GetState() (int, bool)          { return 1, true }
func (rf *Raft) RequestVote(args, reply *int)   {}
func (rf *Raft) AppendEntries(args, reply *int) {}

type with2021 struct {
	Raft
	killed bool
}

func (rf *with2021) Kill()                                              { rf.killed = true }
func (rf *with2021) Snapshot(index int, snapshot []byte)                { rf.index = index }
func (rf *with2021) CondInstallSnapshot(term, index int, _ []byte) bool { return index > rf.index }

type with2025 struct{ with2021 }

func (rf *with2025) PersistBytes() int { return 77 }

type (
	msg2016 struct {
		Index       int
		Command     any
		UseSnapshot bool
		Snapshot    []byte
	}
	msg2020 struct {
		CommandValid bool
		Command      any
		CommandIndex int
	}
	// msg2023 differs from raftapi.ApplyMsg in its name only.
	msg2023 struct {
		CommandValid  bool
		Command       any
		CommandIndex  int
		SnapshotValid bool
		Snapshot      []byte
		SnapshotTerm  int
		SnapshotIndex int
	}
	// msgOwn has a field of the student's, and an order of its own.
	msgOwn struct {
		CommandTerm  int
		CommandIndex int
		Command      any
		CommandValid bool
	}
)

func make2016(_ []*labrpc.ClientEnd, _ int, _ *Persister, ch chan msg2016) *Raft {
	return &Raft{send: func(c any, i int) { ch <- msg2016{Index: i, Command: c} }}
}

func make2020(_ []*labrpc.ClientEnd, _ int, _ *Persister, ch chan msg2020) *Raft {
	return &Raft{send: func(c any, i int) { ch <- msg2020{true, c, i} }}
}

func make2023(_ []*labrpc.ClientEnd, _ int, _ *Persister, ch chan msg2023) *with2021 {
	return &with2021{Raft: Raft{send: func(c any, i int) { ch <- msg2023{CommandValid: true, Command: c, CommandIndex: i} }}}
}

func makeOwn(_ []*labrpc.ClientEnd, _ int, _ *Persister, ch chan<- msgOwn) *with2021 {
	return &with2021{Raft: Raft{send: func(c any, i int) { ch <- msgOwn{9, i, c, true} }}}
}

func make2025(_ []*labrpc.ClientEnd, _ int, _ *Persister, ch chan raftapi.ApplyMsg) raftapi.Raft {
	return &with2025{with2021{Raft: Raft{send: func(c any, i int) {
		ch <- raftapi.ApplyMsg{CommandValid: true, Command: c, CommandIndex: i}
	}}}}
}

func TestAdapt(t *testing.T) {
	for _, c := range []struct {
		name             string
		mk               any
		snapshots, kills bool
		bytes            int
	}{
		{"2016", make2016, false, false, 3},
		{"2020", make2020, false, false, 3},
		{"2023", make2023, true, true, 3},
		{"own", makeOwn, true, true, 3},
		{"2025", make2025, true, true, 77},
		{"MakeFunc", MakeFunc(make2025), true, true, 77},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				form, err := Adapt(c.mk)
				if err != nil {
					t.Fatal(err)
				}
				if form.Snapshots != c.snapshots || form.Kills != c.kills {
					t.Errorf("Snapshots %v, Kills %v", form.Snapshots, form.Kills)
				}
				ps := MakePersister()
				ps.SaveRaftState([]byte("abc"))
				ch := make(chan raftapi.ApplyMsg)
				rf := form.Make(nil, 0, ps, ch)
				for i := 1; i <= 3; i++ {
					rf.Start(fmt.Sprint(i))
					msg := <-ch
					if !msg.CommandValid || msg.Command != fmt.Sprint(i) || msg.CommandIndex != i || msg.SnapshotValid {
						t.Errorf("received %+v, want command %d", msg, i)
					}
				}
				if n := rf.PersistBytes(); n != c.bytes {
					t.Errorf("PersistBytes is %d, want %d", n, c.bytes)
				}
				rf.Snapshot(7, nil)
				if cond := rf.(raftapi.CondInstaller); cond.CondInstallSnapshot(1, 5, nil) == c.snapshots {
					t.Error("CondInstallSnapshot does not reach the Raft")
				}
				if got := strings.Join(labrpc.MakeService(rf).Methods(), " "); got != "AppendEntries RequestVote" {
					t.Errorf("RPC methods %q", got)
				}
				killer := rf.(raftapi.Killer)
				killer.Kill()
				killer.Kill()
				if inner, ok := Inner(rf).(*with2021); ok && !inner.killed {
					t.Error("Kill does not reach the Raft")
				}
				time.Sleep(DrainTime + time.Millisecond)
				// The bubble reports goroutines that are left.
			})
		})
	}
}

// With a type that differs in its name only there must be no buffer in between.
func TestAdaptedChannelHoldsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		form, _ := Adapt(make2023)
		ch := make(chan raftapi.ApplyMsg)
		rf := form.Make(nil, 0, MakePersister(), ch)
		sent := false
		send := Inner(rf).(*with2021).send
		go func() { send("x", 1); sent = true }()
		synctest.Wait()
		if sent {
			t.Error("a message was taken that the tester has not received")
		}
		<-ch
		synctest.Wait()
		if !sent {
			t.Error("the message was received but not sent")
		}
	})
}

// A Raft that is killed while it sends must not be left waiting.
func TestDrainAfterKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		form, _ := Adapt(make2020)
		rf := form.Make(nil, 0, MakePersister(), make(chan raftapi.ApplyMsg))
		rf.Start("nobody takes this")
		synctest.Wait()
		rf.(raftapi.Killer).Kill()
		time.Sleep(DrainTime + time.Millisecond)
	})
}

func TestNotMake(t *testing.T) {
	type persister struct{}
	type peers = []*labrpc.ClientEnd
	for _, c := range []struct {
		mk   any
		want string
	}{
		{nil, "not a function"},
		{7, "a int, not a function"},
		{MakeFunc(nil), "nil"},
		{func() {}, "want func(peers"},
		{func([]int, int, *Persister, chan msg2020) *Raft { return nil }, "labrpc"},
		{func(peers, string, *Persister, chan msg2020) *Raft { return nil }, "want int"},
		{func(peers, int, *persister, chan msg2020) *Raft { return nil }, "type Persister = tester.Persister"},
		{func(peers, int, *Persister, <-chan msg2020) *Raft { return nil }, "want chan ApplyMsg"},
		{func(peers, int, *Persister, chan int) *Raft { return nil }, "want a struct"},
		{func(peers, int, *Persister, chan persister) *Raft { return nil }, "no field Command"},
		{func(peers, int, *Persister, chan struct{ Command int }) *Raft { return nil }, "Command is a int"},
		{func(peers, int, *Persister, chan msg2020) *persister { return nil }, "lacks Start"},
	} {
		_, err := Adapt(c.mk)
		if !errors.Is(err, ErrNotMake) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T: %v, want %q", c.mk, err, c.want)
		}
	}
}
