package node

import (
	"time"

	"tabraft/raft"
)

// removal.go: servers that are gone for long and counted on nevertheless. The
// leader takes a member out that it has not heard for Config.RemoveAfter, one
// after the other, and only while a majority of the voters answers, of those
// there are and of those that would be left: so a removal can neither be what
// stops the cluster, nor wait uncommitted for servers that may never come back.
// Without a majority nothing is removed.
//
// Time that the leader itself slept is nobody's silence: the core takes it out of
// LastHeard. A new leader counts from the start.

const (
	// MinRemoveAfter is the shortest Config.RemoveAfter; a shorter one counts as
	// this.
	MinRemoveAfter = time.Second
	// lookInterval is how often a leader looks who is silent.
	lookInterval = 250 * time.Millisecond
	// answersWithin is how lately a member was heard that counts as answering.
	answersWithin = time.Second
	// silenceShown is the silence from which on Status tells of a removal.
	silenceShown = 2 * time.Second
)

// removal is the loop's.
type removal struct {
	next   time.Duration
	chosen raft.ID // whom the leader may remove now
}

// SetRemoveAfter changes Config.RemoveAfter; 0 or less ends the removal of
// servers. It counts while this server leads.
func (n *Node) SetRemoveAfter(after time.Duration) {
	n.mu.Lock()
	n.removeAfter = atLeastMin(after)
	n.mu.Unlock()
	n.inbox.put(input{kind: inputCall, call: func() { n.removal.next = 0 }})
}

func atLeastMin(after time.Duration) time.Duration {
	if after <= 0 {
		return 0
	}
	return max(after, MinRemoveAfter)
}

// lookForSilence is the leader's: it tells when members are due to be removed,
// and chooses one that is.
func (n *Node) lookForSilence(now time.Duration) {
	r := &n.removal
	r.chosen = raft.None
	if now < r.next {
		return
	}
	n.mu.Lock()
	after, st := n.removeAfter, n.core.Status()
	n.mu.Unlock()
	if st.Role != raft.Leader || after == 0 || len(st.Progress) == 0 {
		r.next = never
		n.setDue(nil)
		return
	}
	r.next = now + lookInterval

	conf := &st.Configuration
	silence := map[raft.ID]time.Duration{}
	for _, p := range st.Progress {
		if conf.IsMember(p.ID) { // and not being removed
			silence[p.ID] = now - p.LastHeard
		}
	}
	due := map[raft.ID]time.Duration{}
	for id, lasts := range silence {
		if lasts >= min(silenceShown, after/2) {
			due[id] = now + after - lasts
		}
		// The longest silence first, of equal ones the lower id.
		longest := silence[r.chosen]
		if lasts >= after && canSpare(conf, id, silence) && (lasts > longest || lasts == longest && id < r.chosen) {
			r.chosen = id
		}
	}
	n.setDue(due)
	if r.chosen != raft.None {
		n.admission.next = 0
	}
}

func (n *Node) setDue(due map[raft.ID]time.Duration) {
	n.mu.Lock()
	n.due = due
	n.mu.Unlock()
}

// canSpare tells whether majorities of the voters with and without a server
// answer. This server itself has no silence.
func canSpare(conf *raft.Configuration, id raft.ID, silence map[raft.ID]time.Duration) bool {
	left, answering := len(conf.Voters), 0
	for _, v := range conf.Voters {
		if silence[v] < answersWithin {
			answering++
		}
	}
	if conf.IsVoter(id) {
		left-- // it does not answer
	}
	return answering > len(conf.Voters)/2 && answering > left/2
}
