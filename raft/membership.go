package raft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// membership.go: cluster membership changes by joint consensus (section 6).
// "Once a given server adds the new configuration entry to its log, it uses
// that configuration for all future decisions, regardless of whether the
// entry is committed."

// MaxMembers limits a configuration, so that one read from elsewhere cannot
// ask for unlimited memory.
const MaxMembers = 64

// Errors of Reconfigure.
var (
	// ErrChangeInProgress: the last change of members has not committed yet.
	ErrChangeInProgress = errors.New("raft: another change of members is in progress")
	// ErrTermNotCommitted: a new leader first commits an entry of its own
	// term; until then its configuration may not be the cluster's.
	ErrTermNotCommitted = errors.New("raft: the leader has not committed an entry of its term yet")
	// ErrBadConfiguration: no voters, too many members, or one named twice.
	ErrBadConfiguration = errors.New("raft: bad configuration")
)

// Configuration is the set of servers that make up the cluster. Its slices
// are ordered and not to be changed.
type Configuration struct {
	// Voters decide. In a joint configuration they are C_new's.
	Voters []ID
	// Outgoing is C_old while the configuration is joint, and else empty.
	Outgoing []ID
	// Learners receive the log but do not count.
	Learners []ID
}

// configurationAt is a configuration and the log entry that it came with; 0
// for the empty one every log starts from.
type configurationAt struct {
	index uint64
	Configuration
}

// Joint tells whether agreement needs majorities of two sets of voters.
func (c *Configuration) Joint() bool { return len(c.Outgoing) > 0 }

// IsVoter tells whether id votes, in either half of a joint configuration.
func (c *Configuration) IsVoter(id ID) bool {
	return slices.Contains(c.Voters, id) || slices.Contains(c.Outgoing, id)
}

// IsMember tells whether id votes or learns.
func (c *Configuration) IsMember(id ID) bool {
	return c.IsVoter(id) || slices.Contains(c.Learners, id)
}

// voters lists everyone who votes, ordered.
func (c *Configuration) voters() []ID {
	if !c.Joint() {
		return c.Voters
	}
	return union(c.Voters, c.Outgoing)
}

// Members lists everyone, ordered.
func (c *Configuration) Members() []ID { return union(c.voters(), c.Learners) }

func union(a, b []ID) []ID {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

func (c Configuration) String() string {
	list := func(ids []ID) string {
		names := make([]string, len(ids))
		for i, id := range ids {
			names[i] = fmt.Sprintf("%x", uint64(id))
		}
		return strings.Join(names, " ")
	}
	s := "voters(" + list(c.Voters) + ")"
	if c.Joint() {
		s += " outgoing(" + list(c.Outgoing) + ")"
	}
	if len(c.Learners) > 0 {
		s += " learners(" + list(c.Learners) + ")"
	}
	return s
}

// validate checks what a configuration must satisfy wherever it came from.
func (c *Configuration) validate() error {
	if len(c.Voters) == 0 {
		return fmt.Errorf("%w: no voters", ErrBadConfiguration)
	}
	if n := len(c.Voters) + len(c.Outgoing) + len(c.Learners); n > 2*MaxMembers {
		return fmt.Errorf("%w: %d members, at most %d", ErrBadConfiguration, n, MaxMembers)
	}
	for _, ids := range [][]ID{c.Voters, c.Outgoing, c.Learners} {
		for i, id := range ids {
			if id == None || i > 0 && ids[i-1] >= id {
				return fmt.Errorf("%w: server %s is named twice, is zero or out of order", ErrBadConfiguration, id)
			}
		}
	}
	for _, id := range c.Learners {
		if slices.Contains(c.Voters, id) {
			return fmt.Errorf("%w: server %s is voter and learner", ErrBadConfiguration, id)
		}
	}
	return nil
}

// Encode gives the bytes of an EntryConfiguration: three lists (voters,
// outgoing, learners), each one byte of length and 8 bytes an id.
func (c Configuration) Encode() []byte {
	var b []byte
	for _, ids := range [][]ID{c.Voters, c.Outgoing, c.Learners} {
		b = append(b, byte(len(ids)))
		for _, id := range ids {
			b = binary.BigEndian.AppendUint64(b, uint64(id))
		}
	}
	return b
}

// DecodeConfiguration reads what Encode wrote and refuses all else.
func DecodeConfiguration(b []byte) (Configuration, error) {
	var c Configuration
	for _, ids := range []*[]ID{&c.Voters, &c.Outgoing, &c.Learners} {
		if len(b) == 0 || len(b) < 1+8*int(b[0]) {
			return c, fmt.Errorf("%w: cut short", ErrBadConfiguration)
		}
		n := int(b[0])
		b = b[1:]
		for range n {
			*ids = append(*ids, ID(binary.BigEndian.Uint64(b)))
			b = b[8:]
		}
	}
	if len(b) > 0 {
		return c, fmt.Errorf("%w: %d bytes too many", ErrBadConfiguration, len(b))
	}
	return c, c.validate()
}

// Bootstrap is what the founder of a cluster stores before it starts: a log
// whose first entry, of term 1, makes it the only voter.
func Bootstrap(id ID) *Save {
	c := Configuration{Voters: []ID{id}}
	return &Save{
		HardState: HardState{Term: 1},
		Entries:   []Entry{{Index: 1, Term: 1, Kind: EntryConfiguration, Data: c.Encode()}},
	}
}

// Configuration is the one in force: the latest in the log, committed or not.
func (c *Core) Configuration() *Configuration {
	return &c.configurations[len(c.configurations)-1].Configuration
}

// configurationIndex is the index of the entry it came with.
func (c *Core) configurationIndex() uint64 {
	return c.configurations[len(c.configurations)-1].index
}

// soleVoter tells whether this server alone decides.
func (c *Core) soleVoter() bool {
	v := c.Configuration().voters()
	return len(v) == 1 && v[0] == c.cfg.ID
}

// leftOut tells whether the configuration in force leaves this server out
// after an earlier one named it. A server still to be admitted was never named.
func (c *Core) leftOut() bool {
	return c.named && !c.Configuration().IsMember(c.cfg.ID)
}

func (c *Core) noteMember(conf *Configuration) {
	c.named = c.named || conf.IsMember(c.cfg.ID)
}

// configurationUpTo is the one that was in force at index.
func (c *Core) configurationUpTo(index uint64) configurationAt {
	at := c.configurations[0]
	for _, later := range c.configurations[1:] {
		if later.index <= index {
			at = later
		}
	}
	return at
}

// noteConfiguration puts a configuration in force as its entry enters the log.
func (c *Core) noteConfiguration(e Entry) error {
	if e.Kind != EntryConfiguration {
		return nil
	}
	conf, err := DecodeConfiguration(e.Data)
	if err != nil {
		return fmt.Errorf("entry %d: %w", e.Index, err)
	}
	c.configurations = append(c.configurations, configurationAt{e.Index, conf})
	c.noteMember(&conf)
	return nil
}

// dropConfigurations returns to the configuration before index, as the log's
// tail from index on is deleted.
func (c *Core) dropConfigurations(index uint64) {
	for c.configurationIndex() >= index {
		c.configurations = c.configurations[:len(c.configurations)-1]
	}
}

// Reconfigure asks the leader for a new set of voters and learners and gives
// the index of the entry that starts the change. If the voters change, that
// entry is the joint configuration, and the leader leaves it by itself once
// it has committed.
func (c *Core) Reconfigure(voters, learners []ID) (uint64, error) {
	next := Configuration{Voters: union(voters, nil), Learners: union(learners, nil)}
	switch {
	case c.role != Leader:
		return 0, ErrNotLeader
	case c.transfer.target != None:
		return 0, ErrTransferring
	case c.commitIndex < c.termStart:
		return 0, ErrTermNotCommitted
	case c.Configuration().Joint() || c.configurationIndex() > c.commitIndex:
		return 0, ErrChangeInProgress
	case len(next.Voters) != len(voters) || len(next.Learners) != len(learners):
		return 0, fmt.Errorf("%w: a server is named twice", ErrBadConfiguration)
	case len(voters)+len(learners) > MaxMembers:
		return 0, fmt.Errorf("%w: %d members, at most %d", ErrBadConfiguration, len(voters)+len(learners), MaxMembers)
	}
	if err := next.validate(); err != nil {
		return 0, err
	}
	if old := c.Configuration(); !slices.Equal(old.Voters, next.Voters) {
		next.Outgoing = old.Voters
	}
	return c.appendConfiguration(next), nil
}

func (c *Core) appendConfiguration(conf Configuration) uint64 {
	index := c.appendOwn(EntryConfiguration, conf.Encode())
	c.configurations = append(c.configurations, configurationAt{index, conf})
	c.updatePeers(index)
	return index
}

// afterCommit moves a change of members on: a committed joint configuration
// is followed by C_new; a leader that the committed C_new leaves out steps
// down.
func (c *Core) afterCommit() {
	if c.configurationIndex() > c.commitIndex || c.commitIndex < c.termStart {
		return
	}
	switch conf := c.Configuration(); {
	case conf.Joint() && c.transfer.target != None:
		// Now it would make the target stale. Whoever leads then does it.
	case conf.Joint():
		c.appendConfiguration(Configuration{Voters: conf.Voters, Learners: conf.Learners})
	case !conf.IsVoter(c.cfg.ID):
		for _, p := range c.peers {
			c.sendHeartbeat(p) // nobody else can tell them soon
		}
		c.makeWay()
	case c.configurationIndex() > c.settledAt:
		for _, p := range c.peers {
			if !conf.IsMember(p.id) {
				c.sendHeartbeat(p) // so that it learns of its removal
			}
		}
		c.updatePeers(c.log.lastIndex())
	}
}

// updatePeers brings the leader's list of followers in line with the
// configuration. A server that it leaves out is still sent the log until
// that configuration has committed, so that it learns of it. Servers new to
// the list get the log from next on first.
func (c *Core) updatePeers(next uint64) {
	members := c.Configuration().Members()
	if n := len(c.configurations); n > 1 && c.configurationIndex() > c.commitIndex {
		members = union(members, c.configurations[n-2].Members())
	} else {
		c.settledAt = c.configurationIndex()
	}
	peers := make([]*progress, 0, len(members))
	for _, id := range members {
		if id == c.cfg.ID {
			continue
		}
		p := c.peer(id)
		if p == nil {
			p = &progress{id: id, next: next, probing: true, lastHeard: c.now}
		}
		peers = append(peers, p)
	}
	c.peers = peers
}
