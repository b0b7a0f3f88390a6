package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tabraft/raft"
)

// smallLogs has servers take snapshots often, and keep nothing behind them.
func smallLogs(cfg *Config) {
	cfg.SnapshotBytes = 4 << 10
	cfg.Raft.RetainedBytes = -1
}

// fill proposes n commands of 100 bytes and more, many at once.
func (c *cluster) fill(s *server, prefix string, n int) {
	c.t.Helper()
	failed := make(chan error, n)
	for i := range n {
		command := fmt.Sprintf("%s%d %s", prefix, i, strings.Repeat("x", 100))
		s.ProposeFunc([]byte(command), c.clock.Now()+ProposeTimeout, func(_ Result, err error) { failed <- err })
	}
	for range n {
		if err := <-failed; err != nil {
			c.t.Fatal(err)
		}
	}
}

// untilSame waits until all running servers have applied the same.
func (c *cluster) untilSame() {
	c.t.Helper()
	c.until("the same is applied everywhere", 5*time.Second, func() bool {
		all := c.running()
		for _, s := range all[1:] {
			if !slices.Equal(s.machine.applied(), all[0].machine.applied()) {
				return false
			}
		}
		return true
	})
}

func TestAutomaticSnapshots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		var mu sync.Mutex
		taken := map[raft.ID][]uint64{}
		c.configure = func(cfg *Config) {
			smallLogs(cfg)
			id := cfg.ID
			cfg.Observer = func(e Event) {
				if e.Kind == EventSnapshot {
					mu.Lock()
					taken[id] = append(taken[id], e.Index)
					mu.Unlock()
				}
			}
		}
		c.three()
		for i := range 40 {
			c.fill(c.leader(), fmt.Sprint(i, "-"), 10)
		}
		c.untilSame()
		synctest.Wait()
		for id, at := range taken {
			if len(at) < 4 {
				t.Errorf("%s took %d snapshots, at %v", id, len(at), at)
			}
			// A snapshot is as long as all commands here, and the next one waits
			// for as many bytes again.
			if last := len(at) - 1; last > 1 && at[last]-at[last-1] <= at[1]-at[0] {
				t.Errorf("%s does not take snapshots less often as they grow: %v", id, at)
			}
			st := c.servers[id].Status()
			if st.SnapshotIndex != at[len(at)-1] || st.FirstIndex != st.SnapshotIndex+1 {
				t.Errorf("%s: snapshot of %d, log from %d, the last one was taken at %d", id, st.SnapshotIndex, st.FirstIndex, at[len(at)-1])
			}
		}
		if len(taken) != 3 {
			t.Fatalf("%d servers took snapshots", len(taken))
		}
		if slices.Equal(taken[1], taken[2]) && slices.Equal(taken[2], taken[3]) {
			t.Error("all servers take their snapshots at the same moments")
		}

		want := c.servers[2].machine.applied()
		for _, s := range c.running() {
			s.crash()
		}
		for id := raft.ID(1); id <= 3; id++ {
			if s := c.start(id); s.machine.restores() > 1 {
				t.Errorf("%s restored %d snapshots", id, s.machine.restores())
			}
		}
		c.until("a leader", 3*time.Second, func() bool { return c.leader() != nil })
		c.propose(c.servers[1], "after")
		c.untilSame()
		if got := c.servers[3].machine.applied(); !slices.Equal(got, append(want, "after")) {
			t.Errorf("%d commands after the restart, %d before", len(got), len(want))
		}
	})
}

func TestLateServersGetSnapshots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.configure = smallLogs
		c.three()
		gone := c.servers[3]
		gone.crash()
		c.fill(c.servers[1], "a", 500)
		back, fresh := c.start(3), c.start(4)
		c.untilVoters(4)
		c.untilSame()
		for _, s := range []*server{back, fresh} {
			if s.machine.restores() == 0 {
				t.Errorf("%s came up without a snapshot: %+v", s.id, s.Status())
			}
		}
		c.fill(fresh, "b", 20)
		c.untilSame()
	})
}

func TestSnapshotOnDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.three()
		s := c.servers[2]
		c.fill(s, "a", 10)
		c.untilSame()
		index, err := s.Snapshot(t.Context())
		if err != nil || index != s.Status().LastApplied {
			t.Fatalf("snapshot of %d, error %v, applied %d", index, err, s.Status().LastApplied)
		}
		if st, _ := s.storage.Load(); st.Snapshot == nil || st.Snapshot.Index != index {
			t.Errorf("it is reported and not stored: %+v", st.Snapshot)
		}
		if again, err := s.Snapshot(t.Context()); again != index || err != nil {
			t.Errorf("a second one: %d, %v", again, err)
		}
		if other := c.servers[1].Status().SnapshotIndex; other != 0 {
			t.Errorf("another server took one at %d", other)
		}
		c.propose(s, "b")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Snapshot(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		s.crash()
		if again := c.start(2); again.machine.restores() > 1 {
			t.Error("the snapshot was restored twice")
		}
		c.untilSame()
	})
}

func TestSnapshotWithoutAnything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		s := c.start(2) // nobody lets it in
		if _, err := s.Snapshot(t.Context()); err != ErrNothingApplied {
			t.Errorf("error %v", err)
		}
		s.Stop()
		if _, err := s.Snapshot(t.Context()); err != ErrStopped {
			t.Errorf("when stopped: %v", err)
		}
	})
}

func TestSnapshotTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		var refused atomic.Int32
		c.configure = func(cfg *Config) {
			smallLogs(cfg)
			cfg.Raft.MaxSnapshotBytes = 1000
			cfg.Observer = func(e Event) {
				if e.Kind == EventRejected && errors.Is(e.Err, ErrSnapshotTooLarge) {
					refused.Add(1)
				}
			}
		}
		s := c.start(1)
		c.untilVoters(1)
		c.fill(s, "a", 200)
		if _, err := s.Snapshot(t.Context()); !errors.Is(err, ErrSnapshotTooLarge) {
			t.Errorf("error %v", err)
		}
		synctest.Wait()
		if st := s.Status(); st.SnapshotIndex != 0 || refused.Load() == 0 || refused.Load() > 10 {
			t.Errorf("snapshot of %d, refused %d times", st.SnapshotIndex, refused.Load())
		}
		c.propose(s, "goes on")
	})
}

// broken is a machine that cannot read snapshots.
type broken struct{ *list }

func (broken) Restore([]byte) error { return errors.New("unknown format") }

func TestRestoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.three()
		if _, err := c.servers[2].Snapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.servers[2].crash()
		c.configure = func(cfg *Config) { cfg.Machine = broken{cfg.Machine.(*list)} }
		s := c.start(2)
		<-s.Done()
		if err := s.Err(); err == nil || !strings.Contains(err.Error(), "restoring the snapshot up to entry") ||
			!strings.Contains(err.Error(), "unknown format") {
			t.Errorf("it stopped with %v", err)
		}
	})
}

// The leader is cut off with commands of its own and of a follower in its log.
// When it is back, a snapshot takes the place of those entries: the commands
// are handed to the new leader and answered.
func TestSnapshotSkipsProposals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.configure = smallLogs
		c.three()
		c.start(4)
		c.untilVoters(4)
		c.start(5)
		c.untilVoters(5)
		old := c.leader()
		var partner *server // is cut off together with it
		for _, s := range c.running() {
			if s != old {
				partner = s
			}
		}
		wall := func(cut bool) {
			for _, a := range []*server{old, partner} {
				for _, b := range c.running() {
					if b != old && b != partner {
						c.net.Cut(a.id, b.id, cut)
						c.net.Cut(b.id, a.id, cut)
					}
				}
			}
		}
		wall(true)
		results := make(chan error, 2)
		check := func(command string) func(Result, error) {
			return func(r Result, err error) {
				if err == nil && !bytes.Equal(r.Value, fmt.Appendf(nil, "%d:%s", r.Index, command)) {
					err = fmt.Errorf("%s was answered with %q at %d", command, r.Value, r.Index)
				}
				results <- err
			}
		}
		deadline := c.clock.Now() + ProposeTimeout
		old.ProposeFunc([]byte("of the old leader"), deadline, check("of the old leader"))
		partner.ProposeFunc([]byte("of its follower"), deadline, check("of its follower"))
		c.until("they are in its log", time.Second, func() bool { return old.Status().LastIndex >= partner.Status().CommitIndex+2 })
		var leader *server
		c.until("the others elect", 2*time.Second, func() bool { leader = c.leader(); return leader != nil && leader != old })
		c.fill(leader, "a", 300)
		if len(results) > 0 {
			t.Fatalf("answered too early: %v", <-results)
		}
		wall(false)
		for range 2 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if old.machine.restores() == 0 {
			t.Error("no snapshot was installed: this test shows nothing")
		}
		c.untilSame()
		for _, command := range []string{"of the old leader", "of its follower"} {
			n := 0
			for _, got := range old.machine.applied() {
				if got == command {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%s was applied %d times", command, n)
			}
		}
	})
}

// As before, but the command is committed by the others before the snapshot.
// Nobody can tell the old leader with which result, so it has the command
// committed once more: it is for sessions to make it take effect once.
func TestSnapshotSkipsACommittedProposal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.configure = smallLogs
		c.three()
		old := c.leader()
		var others []*server
		for _, s := range c.running() {
			if s != old {
				others = append(others, s)
			}
		}
		for _, s := range others {
			c.net.Cut(s.id, old.id, true) // it hears no answer, they hear it
		}
		answered := make(chan error, 1)
		old.ProposeFunc([]byte("x"), c.clock.Now()+ProposeTimeout, func(r Result, err error) {
			if err == nil && !bytes.Equal(r.Value, fmt.Appendf(nil, "%d:x", r.Index)) {
				err = fmt.Errorf("answered with %q at %d", r.Value, r.Index)
			}
			answered <- err
		})
		time.Sleep(20 * time.Millisecond)
		for _, s := range others {
			c.net.Cut(old.id, s.id, true)
		}
		var leader *server
		c.until("the others elect", 3*time.Second, func() bool { leader = c.leader(); return leader != nil && leader != old })
		c.fill(leader, "a", 300)
		for _, s := range others {
			c.net.Cut(s.id, old.id, false)
			c.net.Cut(old.id, s.id, false)
		}
		if err := <-answered; err != nil {
			t.Error(err)
		}
		if old.machine.restores() == 0 {
			t.Error("no snapshot was installed: this test shows nothing")
		}
		c.untilSame()
		n := 0
		for _, got := range old.machine.applied() {
			if got == "x" {
				n++
			}
		}
		if n != 2 {
			t.Errorf("it was applied %d times", n)
		}
	})
}
