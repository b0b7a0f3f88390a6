package sim

import (
	"io"
)

// run.go: one run, drawn from a seed or replayed from a list of events.

// Result is what a run gives.
type Result struct {
	Stats  Stats
	Broken *Broken // nil if every rule held
}

// Run makes the run of the given settings. If trace is not nil, the run is
// written to it as text.
func Run(set Settings, trace io.Writer) (Result, error) {
	w, err := newWorld(set)
	if err != nil {
		return Result{}, err
	}
	return w.run(trace), nil
}

func (w *world) run(trace io.Writer) Result {
	if trace != nil {
		w.trace = &transcript{trace}
	}
	broken := w.guard(func() {
		w.chaos = newChaos(w)
		w.chaos.run(w.set.Steps)
		w.record = nil
		w.calmDown()
	})
	return Result{w.stats, broken}
}

// Record is Run, and gives the events. A run that is all right has none.
func Record(set Settings) (Result, []Event, error) {
	w, err := newWorld(set)
	if err != nil {
		return Result{}, nil, err
	}
	events := []Event{}
	w.record = &events
	r := w.run(nil)
	return r, events, nil
}

// Replay makes the run of the given events. Those that do not fit are passed
// over. It ends with the calm phase.
func Replay(set Settings, events []Event, trace io.Writer) (Result, error) {
	w, err := newWorld(set)
	if err != nil {
		return Result{}, err
	}
	if trace != nil {
		w.trace = &transcript{trace}
	}
	broken := w.guard(func() {
		for i := range events {
			e := events[i]
			w.apply(&e)
		}
		w.checkHistories()
		w.calmDown()
	})
	return Result{w.stats, broken}, nil
}
