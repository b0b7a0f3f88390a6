//go:build !js

package tab

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tabraft/raft"
	"tabraft/raft/node"
)

// teller is a telemetry in virtual time, with what it sent.
type teller struct {
	*telemetry
	clock node.Clock

	lock  sync.Mutex
	is    digest // what own gives
	sent  []sentDigest
	asked int // calls of own
}

// change changes what there is to tell, and says so.
func (tl *teller) change(f func(*digest)) {
	tl.lock.Lock()
	f(&tl.is)
	tl.lock.Unlock()
	tl.changed()
}

// look gives what was sent, and how often own was called, since it was last
// reset.
func (tl *teller) look() ([]sentDigest, int) {
	tl.lock.Lock()
	defer tl.lock.Unlock()
	return slices.Clone(tl.sent), tl.asked
}

func (tl *teller) reset() {
	tl.lock.Lock()
	defer tl.lock.Unlock()
	tl.sent, tl.asked = nil, 0
}

type sentDigest struct {
	at time.Duration
	to raft.ID
	d  digest
}

const tellerLife = "00000000000000aa"

// inVirtualTime runs a test with a teller that has no peers.
func inVirtualTime(t *testing.T, test func(t *testing.T, tl *teller)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		tl := &teller{clock: node.NewSystemClock(), is: digest{Role: "follower", Term: 1}}
		tl.telemetry = newTelemetry(tl.clock, node.NoLog{}, tellerLife,
			func() digest {
				tl.lock.Lock()
				defer tl.lock.Unlock()
				tl.asked++
				return tl.is
			},
			func(to raft.ID, b []byte) bool {
				d, err := parseDigest(b)
				if err != nil {
					t.Error(err)
				}
				tl.lock.Lock()
				defer tl.lock.Unlock()
				tl.sent = append(tl.sent, sentDigest{tl.clock.Now(), to, d})
				return false // what was dropped is not sent again
			})
		defer tl.close()
		test(t, tl)
	})
}

// run lets time pass.
func (tl *teller) run(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestTelemetryAloneSaysNothing(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, tl *teller) {
		tl.changed()
		tl.run(time.Minute)
		tl.up(2, "00000000000000b2")
		tl.run(0)
		sent, asked := tl.look()
		if len(sent) != 1 || sent[0].to != 2 || sent[0].d.Incarnation != 0xaa || sent[0].d.Sequence != 1 {
			t.Fatalf("whoever comes is told at once: %+v", sent)
		}
		tl.down(2)
		tl.change(func(d *digest) { d.Term++ })
		tl.run(time.Minute)
		if sent, again := tl.look(); len(sent) != 1 || again != asked {
			t.Errorf("alone again: %+v, asked %d times more", sent, again-asked)
		}
	})
}

func TestTelemetryIdle(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, tl *teller) {
		tl.up(2, "00000000000000b2")
		tl.run(time.Minute)
		sent, _ := tl.look()
		if n := len(sent); n < 30 || n > 31 {
			t.Fatalf("%d digests in an idle minute", n)
		}
		for i, s := range sent[1:] {
			if gap := s.at - sent[i].at; gap != digestIdle || s.d.Sequence != sent[i].d.Sequence+1 {
				t.Errorf("digest %d after %v: %+v", i+1, gap, s)
			}
		}
	})
}

func TestTelemetryBusy(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, tl *teller) {
		tl.up(2, "00000000000000b2")
		tl.up(3, "00000000000000b3")
		tl.run(time.Second)
		tl.reset()
		start := tl.clock.Now()
		for range 10_000 { // for 10 s
			tl.change(func(d *digest) {
				d.Last++
				d.Commit, d.Applied, d.Durable = d.Last, d.Last, d.Last
			})
			tl.run(time.Millisecond)
		}
		sent, _ := tl.look()
		if first := sent[0].at - start; first > time.Millisecond {
			t.Errorf("the first change was told after %v", first)
		}
		per := map[raft.ID]int{}
		last := map[raft.ID]time.Duration{2: -time.Hour, 3: -time.Hour}
		for _, s := range sent {
			per[s.to]++
			if gap := s.at - last[s.to]; gap < digestGap {
				t.Errorf("%v after the one before", gap)
			}
			last[s.to] = s.at
		}
		if per[2] < 50 || per[2] > 51 || per[3] != per[2] { // 51 if both ends count
			t.Errorf("in 10 s %v digests", per)
		}
		if r := sent[len(sent)-1].d.Rate; r < 900 || r > 1100 {
			t.Errorf("1000 entries a second are told as %d", r)
		}
		// The last change is told too, and then nothing until it is time.
		tl.run(digestGap)
		sent, _ = tl.look()
		if s := sent[len(sent)-1]; s.d.Last != 10_000 {
			t.Errorf("in the end %+v", s)
		}
		tl.reset()
		tl.run(digestIdle - digestGap - time.Millisecond)
		if sent, _ := tl.look(); len(sent) != 0 {
			t.Errorf("%d digests about nothing", len(sent))
		}
		tl.run(digestGap)
		if sent, _ := tl.look(); len(sent) != 2 || sent[0].d.Rate != 0 {
			t.Errorf("idle again: %+v", sent)
		}
	})
}

// What looks like a change and is none is not sent, and not looked at more
// often than a change would be.
func TestTelemetryNothingNew(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, tl *teller) {
		tl.up(2, "00000000000000b2")
		tl.run(time.Second)
		tl.reset()
		for range 900 {
			tl.changed()
			tl.run(time.Millisecond)
		}
		if sent, asked := tl.look(); len(sent) != 0 || asked > 5 {
			t.Errorf("%d sent, asked %d times", len(sent), asked)
		}
	})
}

// A tab that was suspended tells once when it wakes, not for all the time lost.
func TestTelemetryAfterASleep(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, tl *teller) {
		tl.up(2, "00000000000000b2")
		tl.run(time.Second)
		tl.reset()
		tl.mu.Lock()
		tl.toldAt -= time.Hour
		tl.sentAt -= time.Hour
		tl.mu.Unlock()
		tl.tell()
		tl.tell()
		tl.run(0)
		if sent, _ := tl.look(); len(sent) != 1 {
			t.Errorf("%d digests", len(sent))
		}
	})
}

func TestTelemetryClosed(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, tl *teller) {
		tl.up(2, "00000000000000b2")
		tl.close()
		tl.up(3, "00000000000000b3")
		tl.changed()
		tl.tell()
		tl.run(time.Minute)
		if sent, _ := tl.look(); len(sent) != 0 {
			t.Errorf("%+v", sent)
		}
	})
}

// from is a digest as a peer sends it.
func from(life uint64, sequence uint32, term uint64) []byte {
	return digest{Role: "follower", Incarnation: life, Sequence: sequence, Term: term}.encode()
}

func TestTelemetryTakesTheNewest(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, tl *teller) {
		const id = raft.ID(2)
		term := func() uint64 { return tl.about(id).digest.Term }
		tl.receive(id, from(0xb2, 1, 1))
		if k := tl.about(id); k.told || k.heard {
			t.Errorf("of a stranger: %+v", k)
		}
		tl.up(id, "00000000000000b2")
		tl.run(time.Second)
		for _, c := range []struct {
			what  string
			b     []byte
			knows uint64
		}{
			{"the first", from(0xb2, 5, 10), 10},
			{"an overtaken one", from(0xb2, 4, 9), 10},
			{"the same again", from(0xb2, 5, 11), 10},
			{"another life's", from(0xb1, 99, 12), 10},
			{"a newer one", from(0xb2, 6, 13), 13},
			{"one of another version", append([]byte{2}, from(0xb2, 7, 14)[1:]...), 13},
			{"nonsense", []byte("nonsense"), 13},
			{"nothing", nil, 13},
		} {
			if tl.receive(id, c.b); term() != c.knows {
				t.Errorf("%s: term %d, want %d", c.what, term(), c.knows)
			}
		}
		if k := tl.about(id); k.at != tl.clock.Now() || k.heardAt != k.at || !k.warned {
			t.Errorf("%+v", k)
		}
		// The next life counts from one; what was known stays until it tells, and
		// the earlier life has no say any more.
		tl.down(id)
		tl.receive(id, from(0xb2, 7, 14))
		if term() != 13 {
			t.Error("a digest of a server that is gone was taken")
		}
		tl.up(id, "00000000000000b3")
		tl.receive(id, from(0xb2, 8, 15))
		if term() != 13 {
			t.Error("a digest of an earlier life was taken")
		}
		tl.receive(id, from(0xb3, 1, 16))
		if term() != 16 {
			t.Error("a new life is not heard")
		}
		// The same life, connected anew, goes on counting.
		tl.down(id)
		tl.up(id, "00000000000000b3")
		tl.receive(id, from(0xb3, 1, 17))
		if term() != 16 {
			t.Error("an old digest was taken on a new connection")
		}
	})
}

func TestTelemetryKeepsAFew(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, tl *teller) {
		tl.up(1, "00000000000000b1")
		for id := raft.ID(2); id < 10*maxKnown; id++ {
			life := fmt.Sprintf("%016x", uint64(id))
			tl.up(id, life)
			tl.receive(id, from(uint64(id), 1, uint64(id)))
			tl.down(id)
			time.Sleep(time.Millisecond)
		}
		if n := len(tl.peers); n > maxKnown {
			t.Errorf("%d servers are known", n)
		}
		if !tl.about(1).up || !tl.about(10*maxKnown-1).told || tl.about(2).told {
			t.Error("the wrong ones were forgotten")
		}
	})
}

// Every server shows every other's role, term and log, by its own word.
func TestAnyServerShowsTheWholeCluster(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		servers := w.tabs(3, "broadcast")
		for i := range 20 {
			servers[i%3].must(put(fmt.Sprint(i), "x"))
		}
		w.awaitSame(servers...)
		w.await("all to know of all", func() bool {
			for _, s := range servers {
				for _, m := range s.State().Members {
					o := servers[slices.IndexFunc(servers, func(o *testServer) bool { return o.id.String() == m.ID })].State()
					if m.Role != o.Role || m.Term == nil || *m.Term != o.Term || m.Leader != o.Leader || m.LastIndex == nil ||
						*m.LastIndex != o.LastIndex || *m.CommitIndex != o.CommitIndex || *m.LastApplied != o.LastApplied ||
						*m.DurableIndex != o.LastIndex || *m.SnapshotIndex != 0 || m.AgeMs == nil || m.Stale || m.Hidden || m.Self && *m.AgeMs != 0 {
						return false
					}
				}
			}
			return true
		})
		servers[0].SetHidden(true)
		w.await("the others to see it hidden", func() bool {
			return slices.ContainsFunc(servers[1].State().Members, func(m Member) bool { return m.ID == servers[0].id.String() && m.Hidden })
		})
	})
}

// memberOf is a server as another sees it.
func memberOf(s, o *testServer) Member {
	for _, m := range s.State().Members {
		if m.ID == o.id.String() {
			return m
		}
	}
	return Member{}
}

// Faults on the links cut telemetry too: an isolated server is stale for the
// others, and they for it, though all connections stand.
func TestIsolatedIsStale(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		servers := w.tabs(3, "broadcast")
		s := without(servers, w.awaitLeader(servers...))[0]
		rest := without(servers, s)
		w.await("all is known", func() bool {
			return memberOf(rest[0], s).AgeMs != nil && memberOf(rest[1], s).AgeMs != nil && memberOf(s, rest[0]).AgeMs != nil
		})
		s.Isolate(true)
		w.await("it is stale", func() bool {
			return memberOf(rest[0], s).Stale && memberOf(rest[1], s).Stale && memberOf(s, rest[0]).Stale
		})
		for _, o := range rest {
			if m := memberOf(o, s); !m.Reachable || *m.AgeMs < staleAfter.Milliseconds() || m.Link != "open" {
				t.Errorf("%+v", m)
			}
			for _, other := range rest {
				if m := memberOf(o, other); m.Stale {
					t.Errorf("%s is stale too: %+v", other.id, m)
				}
			}
		}
		s.Isolate(false)
		w.await("it is not stale any more", func() bool { return !memberOf(rest[0], s).Stale && !memberOf(s, rest[0]).Stale })
	})
}

// However many datagrams come, and whatever is in them, the cluster does not
// notice.
func TestTelemetryFloodChangesNothing(t *testing.T) {
	w, servers := cluster(t, 3)
	leader := w.awaitLeader(servers...)
	s := without(servers, leader)[0]
	before := leader.State()
	l, _ := s.current()
	stop := make(chan struct{})
	flooded := make(chan int)
	go func() {
		n := 0
		for ; ; n++ {
			select {
			case <-stop:
				flooded <- n
				return
			default:
			}
			forged := digest{Role: "leader", Incarnation: l.telemetry.incarnation, Sequence: uint32(n) + 1<<20, Term: 1 << 40, Leader: s.id, Vote: s.id, Last: 1 << 50, Commit: 1 << 50}
			l.mesh.SendDatagram(leader.id, forged.encode())
			l.mesh.SendDatagram(leader.id, []byte("nonsense"))
			if n%100 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
	}()
	for i := range 50 {
		leader.must(put(fmt.Sprint(i), "x"))
	}
	w.await("the forged digest to be believed by the page", func() bool { m := memberOf(leader, s); return m.Term != nil && *m.Term == 1<<40 })
	close(stop)
	<-flooded
	after := leader.State()
	if after.Role != "leader" || after.Term != before.Term || after.Leader != before.Leader || after.CommitIndex < before.CommitIndex+50 || after.Problem != "" {
		t.Errorf("before %+v\nafter %+v", before, after)
	}
	ll, _ := leader.current()
	for _, k := range ll.mesh.Links() {
		if !k.Up || k.Restarts != 0 || k.Violations != 0 {
			t.Errorf("link %+v", k)
		}
	}
	if m := memberOf(leader, leader); m.Role != "leader" || *m.Term != before.Term {
		t.Errorf("%+v", m)
	}
	w.awaitSame(servers...)
}
