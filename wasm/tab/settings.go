package tab

import "time"

// Settings are what a user may choose about a server while it runs. They are
// this server's own: what it does while it leads, and as it leaves.
type Settings struct {
	// RemoveAfterMs has the server, while it leads, remove members that it has
	// not heard for so many milliseconds; 0 for never.
	RemoveAfterMs int64 `json:"removeAfterMs"`
	// HandOver has a leader that leaves ask another server to take over at once.
	HandOver bool `json:"handOver"`
}

// DefaultSettings are those of a server that was told nothing else.
var DefaultSettings = Settings{RemoveAfterMs: time.Minute.Milliseconds(), HandOver: true}

// maxRemoveAfter keeps RemoveAfterMs within what a time.Duration holds.
const maxRemoveAfter = 365 * 24 * time.Hour

func (s Settings) removeAfter() time.Duration {
	return time.Duration(s.RemoveAfterMs) * time.Millisecond
}

// sound gives the settings within their limits.
func (s Settings) sound() Settings {
	s.RemoveAfterMs = min(max(s.RemoveAfterMs, 0), maxRemoveAfter.Milliseconds())
	return s
}

// Settings gives the present ones.
func (s *Server) Settings() Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settings
}

// SetSettings changes them, for this life and those that follow.
func (s *Server) SetSettings(to Settings) {
	to = to.sound()
	s.mu.Lock()
	s.settings = to
	l := s.life
	s.mu.Unlock()
	if l != nil {
		l.node.SetRemoveAfter(to.removeAfter())
	}
	s.emit("peer", PeerEvent{Reason: "settings"})
}
