// Command plain runs the suite in a program that is no test, on the textbook Raft. It takes a
// pattern and a seed, and writes the report as JSON. A third argument
// breaks the Raft in a way that a test could not survive.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"tabraft/raft/lab/labrpc"
	"tabraft/raft/lab/suite"
	"tabraft/raft/lab/tester"
	"tabraft/raft/lab/textbook"
)

func main() {
	seed, err := strconv.ParseUint(os.Args[2], 10, 64)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	o := suite.Options{Make: textbook.Make, Run: os.Args[1], Seed: seed, Out: os.Stderr}
	if len(os.Args) > 3 {
		o.Make = breaking(os.Args[3])
		o.SpinLimit = 3 * time.Second
	}
	report, err := suite.Run(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	json.NewEncoder(os.Stdout).Encode(report)
	if !report.Passed() {
		os.Exit(1)
	}
}

func breaking(how string) any {
	return func(peers []*labrpc.ClientEnd, me int, persister *tester.Persister, applyCh chan textbook.ApplyMsg) *textbook.Raft {
		go misbehave(how, me)
		return textbook.Make(peers, me, persister, applyCh)
	}
}

func misbehave(how string, me int) {
	time.Sleep(300 * time.Millisecond)
	switch {
	case how == "panics" && me == 2:
		var none []int
		none[me] = 1
	case how == "spins" && me == 1:
		for {
			spun.Add(1)
		}
	case how == "lives on":
		for {
			time.Sleep(100 * time.Millisecond)
		}
	case how == "waits on":
		select {}
	}
}

var spun atomic.Int64
