package sim

import (
	"sort"

	"tabraft/raft/kv"

	"github.com/anishathalye/porcupine"
)

// What the clients saw is linearizable: each operation took effect once, at
// some moment between its call and its return. A key is used for a limited
// number of operations and then replaced by a new one, so that each history is
// short.

// historyLength is how many operations begin on one key before the clients go
// on to another.
const historyLength = 150

// keyed is what is known of one key.
type keyed struct {
	ops      []*op
	versions []version // as applied by the oracle
}

// version is a key's value from an index of the log on.
type version struct {
	index uint64
	value kv.Result
}

// at is the key's value after the entry at index was applied.
func (k *keyed) at(index uint64) kv.Result {
	i := sort.Search(len(k.versions), func(i int) bool { return k.versions[i].index > index })
	if i == 0 {
		return kv.Result{}
	}
	return k.versions[i-1].value
}

// checkHistories checks all keys.
func (w *world) checkHistories() {
	for _, name := range w.keys {
		k := w.history[name]
		if len(k.ops) == 0 {
			continue
		}
		w.stats[Histories]++
		ops := make([]porcupine.Operation, len(k.ops))
		for i, o := range k.ops {
			ops[i] = porcupine.Operation{ClientId: o.client.name, Input: o, Call: o.call, Output: o, Return: o.ret}
		}
		if !porcupine.CheckOperations(register, ops) {
			w.fail(ruleLinear, "the %d operations on %s are not linearizable:%s", len(ops), name, describe(k.ops))
		}
	}
}

// register is what one key does when operations come one at a time. Its state
// is a kv.Result without code.
var register = porcupine.Model{
	Init: func() any { return kv.Result{} },
	Step: func(state, input, output any) (bool, any) {
		was, o := state.(kv.Result), input.(*op)
		is := was
		want := kv.Result{}
		switch o.kind {
		case opPut:
			is = kv.Result{Found: true, Value: o.value}
			want = is
		case opDelete:
			is, want = kv.Result{}, was
		case opCAS:
			if was == o.expected {
				is = kv.Result{Found: true, Value: o.value}
				want = is
			} else {
				want = was
				want.Code = kv.Mismatch
			}
		default:
			want = was
		}
		return o.unknown || o.result == want, is
	},
}

func describe(ops []*op) string {
	s := ""
	for _, o := range ops {
		s += "\n\t" + o.String()
	}
	return s
}
