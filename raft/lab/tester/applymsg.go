package tester

import (
	"fmt"
	"reflect"
	"time"
	"unsafe"

	"tabraft/raft/lab/raftapi"
)

// DrainTime is how long after Kill messages are still taken from a Raft whose
// ApplyMsg has a form of its own, so that a goroutine which is just sending one
// can go on and end. A test runner waits at least that long before it looks
// for goroutines that are left.
const DrainTime = time.Second

// A msgForm makes channels of a student's ApplyMsg.
type msgForm struct {
	msg reflect.Type
	// same: the type differs from raftapi.ApplyMsg in its name only.
	same bool
	// fields has, for each field of raftapi.ApplyMsg, the index of the student's
	// field, or -1.
	fields []int
	// commandsOnly: there is no CommandValid, as in the first years, so each message
	// is a command.
	commandsOnly bool
}

var apiMsg = reflect.TypeFor[raftapi.ApplyMsg]()

// olderNames are what fields were called before.
var olderNames = map[string]string{"CommandIndex": "Index"}

func adaptMsg(msg reflect.Type) (msgForm, error) {
	f := msgForm{msg: msg}
	if msg.Kind() != reflect.Struct {
		return f, fmt.Errorf("applyCh carries %v, want a struct ApplyMsg", msg)
	}
	if msg.ConvertibleTo(apiMsg) {
		f.same = true
		return f, nil
	}
	for i := range apiMsg.NumField() {
		want := apiMsg.Field(i)
		got, ok := msg.FieldByName(want.Name)
		if !ok {
			got, ok = msg.FieldByName(olderNames[want.Name])
		}
		switch {
		case ok && (len(got.Index) != 1 || got.Type != want.Type):
			return f, fmt.Errorf("%v.%s is a %v, want %v", msg, got.Name, got.Type, want.Type)
		case ok:
			f.fields = append(f.fields, got.Index[0])
		case want.Name == "Command" || want.Name == "CommandIndex":
			return f, fmt.Errorf("%v has no field %s", msg, want.Name)
		default:
			f.fields = append(f.fields, -1)
			f.commandsOnly = f.commandsOnly || want.Name == "CommandValid"
		}
	}
	return f, nil
}

// channel returns a channel of the student's messages that leads to applyCh.
func (f msgForm) channel(applyCh chan raftapi.ApplyMsg, killed <-chan struct{}) reflect.Value {
	if f.same {
		// The very channel under its other name. The two element types have the
		// same memory layout, so that what one side sends the other can receive.
		// A goroutine in between would hold one message, and so hide a Raft that
		// waits for its service while holding a lock.
		return reflect.NewAt(reflect.ChanOf(reflect.BothDir, f.msg), unsafe.Pointer(&applyCh)).Elem()
	}
	ch := reflect.MakeChan(reflect.ChanOf(reflect.BothDir, f.msg), 0)
	go f.pump(ch, applyCh, killed)
	return ch
}

// pump converts messages until DrainTime after the Raft was killed.
func (f msgForm) pump(from reflect.Value, to chan<- raftapi.ApplyMsg, killed <-chan struct{}) {
	var over <-chan time.Time
	for {
		// One of the two is nil, which never comes.
		i, v, open := reflect.Select([]reflect.SelectCase{
			{Dir: reflect.SelectRecv, Chan: from},
			{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(killed)},
			{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(over)},
		})
		switch i {
		case 1:
			killed, over = nil, time.After(DrainTime)
			continue
		case 2:
			return
		}
		if !open {
			close(to) // as the student's Raft did with its own
			return
		}
		msg := f.convert(v)
		for sent := false; !sent; {
			select {
			case to <- msg:
				sent = true
			case <-killed:
				killed, over = nil, time.After(DrainTime)
			case <-over:
				return
			}
		}
	}
}

func (f msgForm) convert(v reflect.Value) raftapi.ApplyMsg {
	var msg raftapi.ApplyMsg
	out := reflect.ValueOf(&msg).Elem()
	for i, from := range f.fields {
		if from >= 0 {
			out.Field(i).Set(v.Field(from))
		}
	}
	if f.commandsOnly {
		msg.CommandValid = !msg.SnapshotValid
	}
	return msg
}
