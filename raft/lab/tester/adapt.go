package tester

import (
	"errors"
	"fmt"
	"reflect"

	"tabraft/raft/lab/labrpc"
	"tabraft/raft/lab/raftapi"
)

// A MakeFunc starts a Raft server: Make in the form of 2025.
type MakeFunc func(peers []*labrpc.ClientEnd, me int, persister *Persister, applyCh chan raftapi.ApplyMsg) raftapi.Raft

// A Form is a student's Make, whatever year's, behind one interface.
type Form struct {
	// Make starts a server. What it returns is the student's Raft itself, or stands
	// for it: labrpc.MakeService takes either, and Inner tells. It is nil if the
	// student's Make returned a nil interface.
	Make MakeFunc
	// Snapshots tells whether the Raft has Snapshot. Rafts of 2020 have not, and
	// cannot run the tests of part D; Snapshot does nothing then.
	Snapshots bool
	// Kills tells whether the Raft has Kill. If not, its goroutines never end.
	Kills bool
}

// What a Raft must have, and what it may have.
type (
	server interface {
		Start(command any) (index int, term int, isLeader bool)
		GetState() (term int, isLeader bool)
	}
	snapshotter interface {
		Snapshot(index int, snapshot []byte)
	}
	sizer interface{ PersistBytes() int }
)

// ErrNotMake means that a value is not a Make of any form that is known.
var ErrNotMake = errors.New("not a Make of the course")

// Adapt takes a student's function Make:
//
//	func Make(peers []*labrpc.ClientEnd, me int, persister *Persister, applyCh chan ApplyMsg) *Raft
//
// The Persister must be this package's, or an alias of it. ApplyMsg is this
// project's raftapi.ApplyMsg or a type of the student's; it needs Command, and
// CommandIndex (or Index), and its other fields are found by their names.
// The result is raftapi.Raft or any type with at least Start and GetState.
//
// An error wraps ErrNotMake and says what does not fit, and how to mend it.
func Adapt(mk any) (Form, error) {
	switch mk := mk.(type) {
	case MakeFunc:
		return direct(mk)
	case func([]*labrpc.ClientEnd, int, *Persister, chan raftapi.ApplyMsg) raftapi.Raft:
		return direct(mk)
	}
	fn := reflect.ValueOf(mk)
	if fn.Kind() != reflect.Func || fn.IsNil() {
		return Form{}, fmt.Errorf("%w: a %T, not a function", ErrNotMake, mk)
	}
	t := fn.Type()
	if err := checkMake(t); err != nil {
		return Form{}, fmt.Errorf("%w: %w", ErrNotMake, err)
	}
	msg, err := adaptMsg(t.In(3).Elem())
	if err != nil {
		return Form{}, fmt.Errorf("%w: %w", ErrNotMake, err)
	}
	chanType := t.In(3)
	out := t.Out(0)
	has := func(method reflect.Type) bool { return out.Implements(method) }
	return Form{
		// An interface as result does not say what is behind it.
		Snapshots: has(reflect.TypeFor[snapshotter]()),
		Kills:     has(reflect.TypeFor[raftapi.Killer]()) || out.Kind() == reflect.Interface,
		Make: func(peers []*labrpc.ClientEnd, me int, persister *Persister, applyCh chan raftapi.ApplyMsg) raftapi.Raft {
			a := &adapted{persister: persister, killed: make(chan struct{})}
			ch := msg.channel(applyCh, a.killed).Convert(chanType)
			args := []reflect.Value{reflect.ValueOf(peers), reflect.ValueOf(me), reflect.ValueOf(persister), ch}
			made, ok := fn.Call(args)[0].Interface().(server)
			if !ok {
				return nil
			}
			a.server = made
			return a
		},
	}, nil
}

func direct(mk MakeFunc) (Form, error) {
	if mk == nil {
		return Form{}, fmt.Errorf("%w: nil", ErrNotMake)
	}
	return Form{Make: mk, Snapshots: true, Kills: true}, nil
}

// checkMake tells what is wrong with a function's type, the messages apart.
func checkMake(t reflect.Type) error {
	if t.NumIn() != 4 || t.NumOut() != 1 || t.IsVariadic() {
		return fmt.Errorf("%v: want func(peers []*labrpc.ClientEnd, me int, persister *Persister, applyCh chan ApplyMsg) *Raft", t)
	}
	if peers := reflect.TypeFor[[]*labrpc.ClientEnd](); t.In(0) != peers {
		return fmt.Errorf("its peers are %v: import %q instead of the course's labrpc", t.In(0), "tabraft/raft/lab/labrpc")
	}
	if t.In(1).Kind() != reflect.Int {
		return fmt.Errorf("me is a %v, want int", t.In(1))
	}
	if t.In(2) != reflect.TypeFor[*Persister]() {
		return fmt.Errorf("its persister is a %v: replace the course's persister.go by one with "+
			"`type Persister = tester.Persister` (import %q)", t.In(2), "tabraft/raft/lab/tester")
	}
	if ch := t.In(3); ch.Kind() != reflect.Chan || ch.ChanDir()&reflect.SendDir == 0 {
		return fmt.Errorf("applyCh is a %v, want chan ApplyMsg", ch)
	}
	if want := reflect.TypeFor[server](); !t.Out(0).Implements(want) {
		return fmt.Errorf("its result, a %v, lacks Start(command any) (int, int, bool) or GetState() (int, bool)", t.Out(0))
	}
	return nil
}

// Inner returns the student's own Raft that rf is or stands for.
func Inner(rf raftapi.Raft) any {
	if a, ok := rf.(*adapted); ok {
		return a.server
	}
	return rf
}
