package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

// fake is a cluster that "replicates" by applying everywhere, with one fault.
type fake struct {
	machines []*Machine
	waiting  [][]byte
	fault    string
	n        int
}

func (f *fake) Propose(command []byte) error {
	f.waiting = append(f.waiting, command)
	return nil
}

func (f *fake) ProposeBatch(commands [][]byte) error {
	if f.fault == "no batch" {
		return ErrNoBatch
	}
	f.waiting = append(f.waiting, commands...)
	return nil
}

func (f *fake) Deliver(bool) error {
	f.n++
	for i, m := range f.machines {
		waiting := f.waiting
		if i == len(f.machines)-1 && f.n == 100 {
			switch f.fault {
			case "lost":
				waiting = waiting[1:]
			case "twice":
				waiting = append(waiting[:1:1], waiting...)
			case "other":
				waiting = append([][]byte{command(77, 8)}, waiting[1:]...)
			}
		}
		for _, c := range waiting {
			m.Apply(c)
		}
	}
	f.waiting = nil
	return nil
}

func (f *fake) Compact() error { return nil }

func opener(fault string) OpenCore {
	return func(_ string, machines []*Machine) (Core, error) {
		return &fake{machines: machines, fault: fault}, nil
	}
}

func TestVerifyCoreFindsWhatIsWrong(t *testing.T) {
	for _, fault := range []string{"", "no batch"} {
		if err := VerifyCore(opener(fault), ""); err != nil {
			t.Errorf("%q: %v", fault, err)
		}
	}
	for _, fault := range []string{"lost", "twice", "other"} {
		if err := VerifyCore(opener(fault), ""); err == nil {
			t.Errorf("%q was not noticed", fault)
		}
	}
}

// fakeServers answers commands at once.
type fakeServers struct {
	answers  *Answers
	machines []*Machine
	fault    string
	n        int
}

func (f *fakeServers) Propose(client int, command []byte) {
	f.n++
	for i, m := range f.machines {
		if i == 2 && f.n == 10 && f.fault == "other" {
			m.Apply(make([]byte, 8))
		} else {
			m.Apply(command)
		}
		m.Publish()
	}
	if f.fault == "error" {
		f.answers.Fail(errors.New("no"))
	}
	f.answers.Done(client)
}

func (f *fakeServers) Close() error {
	switch f.fault {
	case "extra":
		f.machines[1].Apply(command(1, 8))
	case "twice":
		f.answers.Done(0)
	}
	return nil
}

func TestVerifyClusterFindsWhatIsWrong(t *testing.T) {
	for _, fault := range []string{"", "error", "extra", "twice", "other"} {
		err := VerifyCluster(func(_ string, machines []*Machine, answers *Answers) (Cluster, error) {
			return &fakeServers{answers: answers, machines: machines, fault: fault}, nil
		}, "")
		if (err == nil) != (fault == "") {
			t.Errorf("%q: %v", fault, err)
		}
	}
}

func TestMachineState(t *testing.T) {
	var a, b Machine
	a.Apply(command(5, 8))
	a.Apply(command(6, 8))
	if err := b.SetState(a.State()); err != nil || b.check(2, a.sum) != nil || b.Published() != 2 {
		t.Errorf("%v, %+v", err, &b)
	}
	if b.SetState(nil) == nil {
		t.Error("no bytes are a state")
	}
}

func TestHistogram(t *testing.T) {
	for v := uint64(1); v < 1<<40; v = v*17/16 + 1 {
		low, high := smallest(bucket(v)), smallest(bucket(v)+1)
		if v < low || v >= high || high-low > max(1, low>>subBits) {
			t.Fatalf("%d is in the bucket from %d to %d", v, low, high)
		}
	}
	var h, other histogram
	for i := range 1000 {
		h.add(time.Duration(i) * time.Microsecond)
		other.add(time.Second)
	}
	if p := h.percentile(0.5); p < 480*time.Microsecond || p > 510*time.Microsecond {
		t.Errorf("p50 %v", p)
	}
	h.merge(&other)
	if p := h.percentile(0.99); h.total() != 2000 || p < 950*time.Millisecond || p > time.Second {
		t.Errorf("%d, p99 %v", h.total(), p)
	}
}

func TestServe(t *testing.T) {
	requests := `{"Bench":"core","Load":"one","Servers":3,"Size":100,"Millis":1}
{"Bench":"core","Load":"none","Servers":3,"Size":100,"Ops":1}
{"Bench":"other","Servers":3,"Size":100,"Ops":1}
{"Bench":"core","Load":"one","Servers":3,"Size":7,"Ops":1}
{"Bench":"core","Load":"one","Servers":65,"Size":100,"Ops":1}
{"Bench":"core","Load":"one","Servers":3,"Size":100}
`
	var out bytes.Buffer
	if err := serve(strings.NewReader(requests), &out, map[string]Bench{"core": CoreBench(opener(""))}); err != nil {
		t.Fatal(err)
	}
	answers := json.NewDecoder(&out)
	for i := range 6 {
		var res Result
		if err := answers.Decode(&res); err != nil {
			t.Fatal(err)
		}
		if good := i == 0; (res.Error == "") != good || (res.Ops > 0) != good {
			t.Errorf("answer %d: %+v", i, res)
		}
	}
	if err := serve(strings.NewReader("hello\n"), &out, nil); err == nil {
		t.Error("a line that is no request was taken")
	}
}
