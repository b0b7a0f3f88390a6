package load

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"
)

// Request asks for one run.
type Request struct {
	// Bench is a name that the program gave to Serve: core, node or growth.
	Bench string
	// Variant is a way to drive the implementation, one of the program's own;
	// empty for the only one or the best known one.
	Variant string `json:",omitempty"`
	// Load is what the core bench does; see the Load constants.
	Load string `json:",omitempty"`
	// Servers is the size of the cluster, Size that of a command in bytes.
	Servers, Size int
	// Outstanding is how many commands the node bench keeps unanswered.
	Outstanding int `json:",omitempty"`
	// Millis is how long to measure; the warm-up adds a fifth. 0: until Ops
	// commands are done.
	Millis int `json:",omitempty"`
	Ops    int `json:",omitempty"`
	// Keep: the log is not compacted. Else applied entries are forgotten now
	// and then, as in a server that takes snapshots.
	Keep bool `json:",omitempty"`
	// Prefill is how many commands are in the log before the measuring starts.
	Prefill int `json:",omitempty"`
	// Profile is a file for the run's CPU profile, AllocProfile for that of its
	// allocations; empty for none.
	Profile, AllocProfile string `json:",omitempty"`
}

// Loads of the core bench.
const (
	// LoadOne proposes one command and delivers messages until every server
	// has applied it, then the next.
	LoadOne = "one"
	// LoadAnswered is LoadOne, but goes on when the leader has applied the
	// command, which is when a client gets its answer.
	LoadAnswered = "answered"
	// LoadSeparate proposes Batch commands, each by a call of its own, and
	// then delivers messages until every server has applied them all.
	LoadSeparate = "separate"
	// LoadBatch is the same with one call for all of them, where there is one.
	LoadBatch = "batch"
)

// Batch is how many commands LoadSeparate and LoadBatch propose at once.
const Batch = 64

// Result answers a Request.
type Result struct {
	// Ops commands took Nanos.
	Ops   int   `json:",omitempty"`
	Nanos int64 `json:",omitempty"`
	// CPUNanos is the processor time that the whole process took, on all
	// processors; 0 if that is not known.
	CPUNanos int64 `json:",omitempty"`
	// Allocs and AllocBytes are of the whole process, meanwhile.
	Allocs     uint64 `json:",omitempty"`
	AllocBytes uint64 `json:",omitempty"`
	// P50 and P99 are how long a command took, in nanoseconds (node bench).
	P50, P99 int64 `json:",omitempty"`
	// HeapBytes is what the cluster occupied in the end, garbage collected
	// (growth bench).
	HeapBytes uint64 `json:",omitempty"`
	// Error tells why there is no result.
	Error string `json:",omitempty"`
}

// OpsPerSecond is the throughput.
func (r Result) OpsPerSecond() float64 { return float64(r.Ops) * 1e9 / float64(max(r.Nanos, 1)) }

// NanosPerOp is how long one command took on average.
func (r Result) NanosPerOp() float64 { return float64(r.Nanos) / float64(max(r.Ops, 1)) }

// Bench carries out one request.
type Bench func(Request) (Result, error)

// Serve answers requests until standard input ends, and then ends the program.
// The garbage collector runs with its default settings (GOGC=100, no memory
// limit), whatever the environment says.
func Serve(benches map[string]Bench) {
	debug.SetGCPercent(100)
	debug.SetMemoryLimit(math.MaxInt64)
	if err := serve(os.Stdin, os.Stdout, benches); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(r io.Reader, w io.Writer, benches map[string]Bench) error {
	in := bufio.NewScanner(r)
	out := json.NewEncoder(w)
	for in.Scan() {
		var req Request
		if err := json.Unmarshal(in.Bytes(), &req); err != nil {
			return fmt.Errorf("a request that is none: %w", err)
		}
		res, err := run(benches, req)
		if err != nil {
			res = Result{Error: err.Error()}
		}
		if err := out.Encode(res); err != nil {
			return err
		}
	}
	return in.Err()
}

func run(benches map[string]Bench, req Request) (res Result, err error) {
	bench := benches[req.Bench]
	switch {
	case bench == nil:
		return res, fmt.Errorf("this program has no bench %q", req.Bench)
	case req.Servers < 1 || req.Servers > 64:
		return res, fmt.Errorf("%d servers", req.Servers)
	case req.Size < minCommand || req.Size > 1<<20:
		return res, fmt.Errorf("commands of %d bytes", req.Size)
	case req.Millis <= 0 && req.Ops <= 0:
		return res, fmt.Errorf("neither a time nor a number of commands to measure")
	}
	return bench(req)
}
