package labroom

import (
	"fmt"
	"slices"
	"time"
)

// A View is the cluster as one server knows it.
type View struct {
	Me         int      `json:"me"`
	Seats      []Seat   `json:"seats"`
	Snapshots  bool     `json:"snapshots"` // whether the Raft has Snapshot
	Complaints []string `json:"complaints"`
	// Problem is what is wrong with the cluster as a whole: servers that applied different
	// commands, or two leaders of one term.
	Problem string `json:"problem"`
}

// A Seat is one server as another knows it.
type Seat struct {
	Seat  int   `json:"seat"`
	Up    bool  `json:"up"`    // there is a connection
	AgeMs int64 `json:"ageMs"` // since the digest came; 0 for oneself
	// Digest is what it last told, nil if it told nothing yet.
	Digest *Digest `json:"digest"`
}

// View gives the cluster as it is now.
func (s *Server) View() View {
	own := s.digest()
	v := View{Me: s.cfg.Me, Snapshots: s.cfg.Form.Snapshots}
	s.mu.Lock()
	defer s.mu.Unlock()
	v.Complaints = slices.Clone(s.complaints)
	var all []Digest
	for n := range s.cfg.Seats {
		seat := Seat{Seat: n, Up: s.peers.isUp(n)}
		if n == s.cfg.Me {
			seat.Up, seat.Digest = !s.ended, &own
		} else if h, ok := s.digests[n]; ok {
			d := h.Digest
			seat.Digest, seat.AgeMs = &d, time.Since(h.at).Milliseconds()
		}
		if seat.Digest != nil {
			all = append(all, *seat.Digest)
		}
		v.Seats = append(v.Seats, seat)
	}
	v.Problem = disagreement(all)
	return v
}

// disagreement finds what servers of a cluster can never say of themselves, or
// gives an empty text.
func disagreement(all []Digest) string {
	for i, a := range all {
		if a.Problem != "" {
			return fmt.Sprintf("server %d: %s", a.Seat, a.Problem)
		}
		for _, b := range all[:i] {
			switch {
			case a.Leader && b.Leader && a.Term == b.Term:
				return fmt.Sprintf("servers %d and %d both lead in term %d", b.Seat, a.Seat, a.Term)
			case a.Build != b.Build:
				return fmt.Sprintf("servers %d and %d run different builds: reload the older tab", b.Seat, a.Seat)
			}
			for _, x := range a.Recent {
				for _, y := range b.Recent {
					if x.Index == y.Index && x.Text != y.Text {
						return fmt.Sprintf("at index %d server %d applied %q and server %d applied %q", x.Index, b.Seat, y.Text, a.Seat, x.Text)
					}
				}
			}
			if a.Index == b.Index && a.Hash != b.Hash {
				return fmt.Sprintf("servers %d and %d applied different commands up to index %d", b.Seat, a.Seat, a.Index)
			}
		}
	}
	return ""
}
