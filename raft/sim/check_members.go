package sim

import (
	"slices"

	"tabraft/raft"
)

// Each configuration follows from the one before it (section 6): C_old,new from
// C_old, C_new from C_old,new; only learners may change without that.

// checkConfiguration looks at the configuration of a committed entry.
func (w *world) checkConfiguration(f *fact, is *raft.Configuration) {
	i := f.Index - 1
	for i > 0 && w.facts[i].Kind != raft.EntryConfiguration {
		i--
	}
	if i == 0 {
		return // the founding one
	}
	was, err := raft.DecodeConfiguration(w.facts[i].Data)
	if err != nil {
		w.fail(rulePossible, "entry %d: %v", i, err)
	}
	ok := false
	switch {
	case was.Joint():
		ok = !is.Joint() && slices.Equal(is.Voters, was.Voters) && slices.Equal(is.Learners, was.Learners)
	case is.Joint():
		ok = slices.Equal(is.Outgoing, was.Voters)
	default:
		ok = slices.Equal(is.Voters, was.Voters)
	}
	if !ok {
		w.fail(ruleMembers, "%d/%d changes %s of %d to %s", f.Index, f.Term, was, i, is)
	}
}
