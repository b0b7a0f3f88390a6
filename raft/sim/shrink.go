package sim

import "slices"

// shrink.go: makes a run that breaks a rule short, by delta debugging (Zeller
// and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input"). Events
// are left out in chunks, large ones first, and what still breaks the same rule
// is kept, until no single event can be left out.

// maxShrink limits the events of all replays of one Shrink, so that it takes
// some tens of seconds at most.
const maxShrink = 50_000_000

// Shrink gives a short list of events that breaks the rule that events break,
// and how. If they break none, it gives them back. After each attempt progress
// is told, if it is not nil, how many events there are now.
func Shrink(set Settings, events []Event, progress func(left int)) ([]Event, *Broken) {
	s := &shrinker{set: set, progress: progress}
	broken, events := s.try(events)
	if broken == nil {
		return events, nil
	}
	s.rule, s.events, s.broken = broken.Rule, events, broken
	for {
		before := len(s.events)
		s.leaveOutServers()
		for size := max(1, len(s.events)/2); ; size /= 2 {
			s.leaveOutChunks(size)
			if size == 1 {
				break
			}
		}
		if len(s.events) == before || s.spent >= maxShrink {
			s.hurry()
			return s.events, s.broken
		}
	}
}

type shrinker struct {
	set      Settings
	rule     string
	events   []Event // the shortest list so far
	broken   *Broken
	spent    int // events
	progress func(int)
}

// try replays events up to where a rule breaks. It gives those that had an
// effect; if a rule breaks at an event of the calm phase, with those before it.
func (s *shrinker) try(events []Event) (*Broken, []Event) {
	w, err := newWorld(s.set)
	if err != nil {
		return nil, events
	}
	took := make([]Event, 0, len(events))
	broken := w.guard(func() {
		for i := range events {
			e := events[i]
			took = append(took, e)
			if !w.apply(&e) {
				took = took[:len(took)-1]
			}
		}
		w.checkHistories() // so that the calm phase need not show it
		events = took
		w.record = &took
		w.calmDown()
	})
	s.spent += w.steps
	if broken == nil || broken.End {
		return broken, events
	}
	return broken, took
}

// keep takes over a shorter list if it breaks the same rule.
func (s *shrinker) keep(events []Event) {
	if s.spent >= maxShrink {
		return
	}
	if broken, took := s.try(events); s.isSame(broken) && len(took) < len(s.events) {
		s.events, s.broken = took, broken
	}
	if s.progress != nil {
		s.progress(len(s.events))
	}
}

// isSame tells whether a run broke the same rule, and no later than before: at
// an event rather than by what the calm phase shows.
func (s *shrinker) isSame(broken *Broken) bool {
	return broken != nil && broken.Rule == s.rule && (s.broken.End || !broken.End)
}

// hurry lets time pass only where a timer needs it, if that is enough.
func (s *shrinker) hurry() {
	events := slices.Clone(s.events)
	for i := range events {
		events[i].At = 0
	}
	if broken, took := s.try(events); s.isSame(broken) && len(took) <= len(s.events) {
		s.events, s.broken = took, broken
	}
}

// leaveOutServers leaves out all that concerns a server or a client, or all
// events of a kind.
func (s *shrinker) leaveOutServers() {
	for n := uint8(1); int(n) <= s.set.Servers; n++ {
		s.leaveOut(func(e *Event) bool {
			return e.A == n || e.B == n && e.Kind != Client && e.Kind != Reconfigure
		})
	}
	for n := uint8(1); int(n) <= s.set.Clients; n++ {
		s.leaveOut(func(e *Event) bool { return e.Kind == Client && e.B == n })
	}
	for k := range kindNames {
		s.leaveOut(func(e *Event) bool { return e.Kind == Kind(k) })
	}
}

func (s *shrinker) leaveOut(which func(*Event) bool) {
	var rest []Event
	for i := range s.events {
		if !which(&s.events[i]) {
			rest = append(rest, s.events[i])
		}
	}
	if len(rest) < len(s.events) {
		s.keep(rest)
	}
}

// leaveOutChunks tries to do without each chunk of so many events, the last
// ones first: what happened late is needed least often.
func (s *shrinker) leaveOutChunks(size int) {
	for end := len(s.events); end > 0; {
		begin := max(0, end-size)
		rest := make([]Event, 0, len(s.events)-(end-begin))
		rest = append(append(rest, s.events[:begin]...), s.events[end:]...)
		s.keep(rest)
		end = min(begin, len(s.events))
	}
}
