package e2e

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// check.go judges a history. Every value written in it must be unique.

const (
	// linearTimeout bounds the search for an order of the operations on one key.
	linearTimeout = 20 * time.Second
	// mostShown is how many operations on a key a report shows.
	mostShown = 60
)

// check tells what is wrong with what clients were told, given the map that all
// servers hold after the last operation; nil if nothing is. The rules are
//
//   - order: a command that was answered before another was called has the lower
//     index in the log, and no two have one index;
//   - nothing lost: a key holds what the last answered command on it left, or
//     what one wrote that may have come later;
//   - nothing made up: a key holds, and a client sees, only what was written, and
//     nothing that certainly took no effect;
//   - linearizable: the operations on each key, with those of unknown outcome
//     having happened at some time after their call or not at all, have an order
//     that explains every answer and the map.
func check(operations []operation, final map[string]string) error {
	keys := map[string][]operation{}
	for _, o := range operations {
		keys[o.key] = append(keys[o.key], o)
	}
	broken := []error{checkOrder(operations)}
	for _, key := range slices.Sorted(maps.Keys(final)) {
		if _, ok := keys[key]; !ok {
			broken = append(broken, fmt.Errorf("the map holds %s = %q, which no client wrote", key, final[key]))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		left := none
		if value, ok := final[key]; ok {
			left = some(value)
		}
		on := keys[key]
		err := errors.Join(checkMadeUp(on, left), checkLost(on, left), checkLinear(on, left))
		if err != nil {
			err = fmt.Errorf("%w\noperations on %s:\n%s", err, key, listed(on))
		}
		broken = append(broken, err)
	}
	return errors.Join(broken...)
}

// checkOrder compares the log's order with the clients'.
func checkOrder(operations []operation) error {
	var entries, all []operation
	for _, o := range operations {
		if o.outcome == answered {
			all = append(all, o)
			if o.writes() {
				entries = append(entries, o)
			}
		}
	}
	byIndex := func(a, b operation) int { return cmp.Compare(a.index, b.index) }
	slices.SortFunc(entries, byIndex)
	for i := 1; i < len(entries); i++ {
		switch a, b := entries[i-1], entries[i]; {
		case a.index == b.index:
			return fmt.Errorf("two commands have one index:\n\t%v\n\t%v", &a, &b)
		case a.term > b.term:
			return fmt.Errorf("terms go back in the log:\n\t%v\n\t%v", &a, &b)
		}
	}
	// Of those answered so far, the one with the highest index: whatever is
	// called later must not have a lower one; a get may have the same.
	byReturn := slices.SortedFunc(slices.Values(all), func(a, b operation) int { return cmp.Compare(a.ret, b.ret) })
	byCall := slices.SortedFunc(slices.Values(all), func(a, b operation) int { return cmp.Compare(a.call, b.call) })
	var highest operation
	for _, o := range byCall {
		for len(byReturn) > 0 && byReturn[0].ret < o.call {
			if byReturn[0].index > highest.index {
				highest = byReturn[0]
			}
			byReturn = byReturn[1:]
		}
		if o.index < highest.index || o.index == highest.index && o.writes() {
			return fmt.Errorf("called after the other's answer, and not later in the log:\n\t%v\n\t%v", &highest, &o)
		}
	}
	return nil
}

// checkMadeUp looks for contents that nobody wrote.
func checkMadeUp(on []operation, left content) error {
	written := map[content]*operation{}
	for i, o := range on {
		if o.verb != verbPut && o.verb != verbCAS {
			continue
		}
		if written[o.value] != nil {
			return fmt.Errorf("the record is of no use: two operations write %v", o.value)
		}
		written[o.value] = &on[i]
	}
	sound := func(c content) error {
		w := written[c]
		switch {
		case !c.found:
		case w == nil:
			return fmt.Errorf("%v was never written", c)
		case w.outcome == refused || w.outcome == mismatched:
			return fmt.Errorf("%v is there, but its command was to have no effect: %v", c, w)
		}
		return nil
	}
	for i := range on {
		if on[i].tells() {
			if err := sound(on[i].result); err != nil {
				return fmt.Errorf("%w: seen by %v", err, &on[i])
			}
		}
	}
	if err := sound(left); err != nil {
		return fmt.Errorf("%w: in the map at the end", err)
	}
	return nil
}

// checkLost looks for an acknowledged command that is neither in the map nor
// overwritten.
func checkLost(on []operation, left content) error {
	var last *operation // in the log, of those answered
	for i := range on {
		if o := &on[i]; o.outcome == answered && o.writes() && (last == nil || o.index > last.index) {
			last = o
		}
	}
	if last == nil || last.leaves() == left {
		return nil
	}
	for _, o := range on {
		if !o.writes() || o.leaves() != left {
			continue
		}
		// This one overwrote it; or may have: a command that was sent twice has the
		// index of the copy that was answered, and took effect with the first.
		if o.outcome == unknown || o.outcome == answered && o.ret > last.call {
			return nil
		}
	}
	return fmt.Errorf("lost: the map holds %v after %v", left, last)
}

// checkLinear searches an order.
func checkLinear(on []operation, left content) error {
	var end time.Duration
	for _, o := range on {
		end = max(end, o.call, o.ret)
	}
	history := []porcupine.Operation{{
		Input: &operation{verb: verbGet, outcome: answered, result: left}, Call: int64(end + 1), Return: int64(end + 2),
	}}
	for i := range on {
		o := &on[i]
		ret := o.ret
		switch {
		case o.outcome == refused, o.outcome == unknown && unseen(o, on, left):
			continue
		case o.outcome == unknown:
			ret = end + 3 // also after the last look, which means never
		}
		history = append(history, porcupine.Operation{Input: o, Call: int64(o.call), Return: int64(ret)})
	}
	switch porcupine.CheckOperationsTimeout(oneKey, history, linearTimeout) {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return fmt.Errorf("no order of %d operations was found or excluded within %v", len(history), linearTimeout)
	}
	return errors.New("not linearizable")
}

// unseen tells whether an operation of unknown outcome explains nothing: what it
// writes was never seen, nor expected by a cas. Since values are unique the
// others then have an order with it exactly if they have one without it, and the
// search is shorter.
func unseen(o *operation, on []operation, left content) bool {
	if o.verb == verbGet {
		return true
	}
	if o.verb == verbDelete {
		return false // that there is nothing has many reasons
	}
	for i := range on {
		if p := &on[i]; p != o && (p.tells() && p.result == o.value || p.verb == verbCAS && p.old == o.value) {
			return false
		}
	}
	return left != o.value
}

// oneKey is what a key does when operations come one at a time. Its state is a
// content, an operation is its own input.
var oneKey = porcupine.Model{
	Init: func() any { return none },
	Step: func(state, input, _ any) (bool, any) {
		was, o := state.(content), input.(*operation)
		is, gives := was, was
		switch o.verb {
		case verbPut:
			is, gives = o.value, o.value
		case verbDelete:
			is = none
		case verbCAS:
			if (was == o.old) == (o.outcome == mismatched) {
				return o.outcome == unknown, was
			}
			if was == o.old {
				is, gives = o.value, o.value
			}
		}
		return !o.tells() || o.result == gives, is
	},
}

// listed are the operations on a key in the order of their calls, the last ones
// if there are many.
func listed(on []operation) string {
	var out strings.Builder
	if cut := len(on) - mostShown; cut > 0 {
		fmt.Fprintf(&out, "\t(%d earlier ones)\n", cut)
		on = on[cut:]
	}
	for i := range on {
		fmt.Fprintf(&out, "\t%v\n", &on[i])
	}
	return out.String()
}
