package tab

import (
	"errors"
	"fmt"
	"time"

	"tabraft/raft/node"
	"tabraft/signaling"
	"tabraft/wasm/rtc"
)

// twice.go: one server running twice. Within a browser, claims and the fence in
// the storage prevent it. They cannot see a second browser on a copy of the first
// one's profile, or a second process on a copy of a directory. Such a copy is the one
// danger to a Raft cluster that no member can detect by its messages: the copy
// knows neither the votes nor the entries that its original has promised since. So it
// must not come to say anything: whoever wants to meet others has to pass the
// signaling server, which refuses it while the original answers; and a server to
// which the original is connected tells it that it is taken.
//
// What is left to its fate: a copy that is opened when the original is gone. To the
// cluster it is a server restarted with an old disk.

// rivalPatience is how long the signaling server may refuse this server because it is
// there already, before that is believed. A rival that is told that it is taken goes
// sooner.
const rivalPatience = 4 * time.Second

// takenMemory is how long it counts that a peer said that this server is taken.
const takenMemory = time.Minute

// busPatience is how long the signaling server must have been out of reach for tabs to
// meet without it: see openBus.
const busPatience = 3 * time.Second

// Why a server stops that runs twice.
var (
	// ErrCopied: it had met nobody yet, so the other one is the original.
	ErrCopied = errors.New("this server runs already, in another browser or process")
	// ErrRunsTwice: it had met others, so nobody can tell which is the original.
	ErrRunsTwice = errors.New("this server runs twice: another browser or process took its place")
)

// rejoins tells whether a server that is over for this reason may come back as a
// new one by itself.
func rejoins(why error) bool {
	return errors.Is(why, node.ErrRemovedAway) || errors.Is(why, ErrCopied)
}

// taken is what a peer says that is connected to this server's other incarnation. Who has
// met others hears it for rivalPatience before it believes: where there are no locks the
// other one may be a tab of this browser that was stopped when this one took the server over,
// and wakes only to find that it cannot save any more.
func (l *life) taken(by rtc.Peer) {
	st := l.node.Status()
	if len(st.Configuration.Voters) > 0 && !st.Configuration.IsMember(by.ID) {
		l.refuse(by.ID, 1, fmt.Errorf("it says that this server runs twice, but is not in the cluster"), false)
		return
	}
	if l.met.Load() && !l.takenForLong(l.s.cfg.Clock.Now()) {
		return
	}
	l.runsTwice()
}

// takenForLong notes that a peer said that this server is taken, and tells whether one did
// so rivalPatience ago already.
func (l *life) takenForLong(now time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.takenSince < 0 || now-l.takenSince > takenMemory {
		l.takenSince = now
	}
	return now-l.takenSince >= rivalPatience
}

// notAlone hears whether this server is in the room, and the signaling server's word on
// why it is not, if it gave one.
func (l *life) notAlone(in bool, refusal *signaling.Error) {
	now := l.s.cfg.Clock.Now()
	if in || refusal == nil && now-l.began >= busPatience {
		l.openBus()
	}
	l.mu.Lock()
	switch {
	case refusal == nil || refusal.Code != signaling.CodeInUse:
		l.rivalSince = -1
	case l.rivalSince < 0:
		l.rivalSince = now
	}
	since := l.rivalSince
	l.mu.Unlock()
	if since >= 0 && now-since >= rivalPatience {
		l.runsTwice()
	}
}

// runsTwice ends this life. If it has met nobody it is the copy, and what is stored
// of it is put aside: it must not come to life once its original has gone. It is not
// deleted, for whoever says so may err or lie.
func (l *life) runsTwice() {
	ev := turn{kind: evRemoved, life: l.number, err: ErrCopied}
	if l.met.Load() {
		ev.kind, ev.err = evFailed, ErrRunsTwice
	}
	go l.s.happen(ev, nil)
}
