package load

import (
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"time"
)

// measurement is what is taken before and after a timed part.
type measurement struct {
	start   time.Time
	cpu     int64
	memory  runtime.MemStats
	profile *os.File
}

// begin starts measuring, on a heap without garbage.
func begin(req Request) (*measurement, error) {
	m := &measurement{}
	if req.Profile != "" {
		f, err := os.Create(req.Profile)
		if err != nil {
			return nil, err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return nil, err
		}
		m.profile = f
	}
	runtime.GC()
	runtime.ReadMemStats(&m.memory)
	m.cpu = cpuNanos()
	m.start = time.Now()
	return m, nil
}

// end makes a Result of what happened since begin.
func (m *measurement) end(req Request, ops int) (Result, error) {
	nanos := time.Since(m.start).Nanoseconds()
	cpu := cpuNanos() - m.cpu
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	res := Result{Ops: ops, Nanos: nanos, CPUNanos: cpu,
		Allocs: after.Mallocs - m.memory.Mallocs, AllocBytes: after.TotalAlloc - m.memory.TotalAlloc}
	if m.profile != nil {
		pprof.StopCPUProfile()
		if err := m.profile.Close(); err != nil {
			return res, err
		}
	}
	if req.AllocProfile != "" {
		f, err := os.Create(req.AllocProfile)
		if err != nil {
			return res, err
		}
		defer f.Close()
		if err := pprof.Lookup("allocs").WriteTo(f, 0); err != nil {
			return res, err
		}
	}
	if ops == 0 {
		return res, fmt.Errorf("nothing was committed")
	}
	return res, nil
}
