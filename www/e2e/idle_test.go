package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	// idleFor is how long the processors' time of idle tabs is measured.
	idleFor = time.Minute
	// idleSettle is how long tabs are left alone before.
	idleSettle = 15 * time.Second
	// clockTick is what the kernel counts in: USER_HZ is 100 wherever Go runs.
	clockTick = 10 * time.Millisecond
	// idleMost bounds what share of one processor the pages of an idle cluster of
	// five may take together.
	idleMost = 1.0
)

// TestLongIdle measures the processors' time that idle tabs take: of clusters of
// three and of five in one window, of which one tab shows.
func TestLongIdle(t *testing.T) {
	if !longForm() {
		t.Skip("make e2e-long runs it")
	}
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("a process's time is read from /proc")
	}
	for _, n := range []int{3, 5} {
		t.Run(fmt.Sprintf("Chromium, %d tabs", n), func(t *testing.T) { longIdle(t, n, inChromiumWindow) })
		t.Run(fmt.Sprintf("Firefox, %d tabs", n), func(t *testing.T) { longIdle(t, n, inFirefoxWindow) })
	}
}

func longIdle[T tabLike](t *testing.T, n int, start func(*testing.T) windowed[T]) {
	w := start(t)
	tabs := w.openTabs(n)
	leader := w.waitCluster(n, tabs...)
	shown := except(tabs, leader)[0]
	w.show(shown, tabs)
	pages := map[int]string{} // by process, which tabs may share
	for _, tb := range tabs {
		what := visibility(tb) + " follower"
		if tb == leader {
			what = visibility(tb) + " leader"
		}
		pid := w.pid(tb)
		if pid == 0 {
			t.Fatalf("the process of %v is not known", tb)
		}
		if pages[pid] != "" {
			what = pages[pid] + " and " + what
		}
		pages[pid] = what
	}
	time.Sleep(idleSettle)

	before := processTimes(t)
	begun := time.Now()
	time.Sleep(idleFor)
	after := processTimes(t)
	took := time.Since(begun)
	percent := func(d time.Duration) string { return fmt.Sprintf("%.1f %%", 100*d.Seconds()/took.Seconds()) }
	var all time.Duration
	for pid, what := range pages {
		used := after[pid].used - before[pid].used
		t.Logf("idle cluster of %d, %s: %s of one processor", n, what, percent(used))
		all += used
	}
	t.Logf("idle cluster of %d: %s of one processor for all pages, %s for the whole browser", n,
		percent(all), percent(treeTime(after, w.main())-treeTime(before, w.main())))
	if all.Seconds() > idleMost*took.Seconds() {
		t.Errorf("that is more than %.0f %%", 100*idleMost)
	}
	if s := leader.state(); s.Role != "leader" {
		t.Errorf("the leader became %s meanwhile", s.Role)
	}
}

// A processTime is what /proc tells of a process.
type processTime struct {
	parent int
	used   time.Duration // by the process itself, of all its threads
}

// processTimes are those of all processes.
func processTimes(t *testing.T) map[int]processTime {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	times := map[int]processTime{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it ended
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			t.Fatal(err)
		}
		// After the name in parentheses, which may hold anything: state, parent,
		// and, as the 12th and 13th, the ticks in user mode and in the kernel.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) < 13 {
			t.Fatalf("%s: %q", file, text)
		}
		var numbers [3]int
		for i, field := range []string{fields[1], fields[11], fields[12]} {
			if numbers[i], err = strconv.Atoi(field); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
		}
		times[pid] = processTime{numbers[0], time.Duration(numbers[1]+numbers[2]) * clockTick}
	}
	return times
}

// treeTime is the time used by a process and all those under it.
func treeTime(times map[int]processTime, root int) time.Duration {
	used := times[root].used
	for pid, p := range times {
		if p.parent == root {
			used += treeTime(times, pid)
		}
	}
	return used
}
