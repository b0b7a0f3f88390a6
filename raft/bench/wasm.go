package main

import (
	"fmt"
	"os/exec"

	"tabraft/raft/bench/load"
)

// wasm.go: the core loop again, compiled for GOOS=js and run in Node.

const (
	wasmRounds, wasmMillis           = 3, 400
	shortWasmRounds, shortWasmMillis = 1, 200
)

func benchWasm(s *session) error {
	if _, err := exec.LookPath("node"); err != nil {
		fmt.Println("\nno node: the core loop is not measured under GOOS=js")
		return nil
	}
	rounds, millis := wasmRounds, wasmMillis
	if s.short {
		rounds, millis = shortWasmRounds, shortWasmMillis
	}
	var cases []testCase
	for _, l := range []string{load.LoadOne, load.LoadSeparate} {
		cases = append(cases, coreCase(3, 100, l, millis, true))
	}
	s.compare(1, cases) // lets Node compile it well
	all := s.compare(rounds, cases)
	printCore("The same core loop under GOOS=js GOARCH=wasm, in Node (time by the clock)", cases, all)
	for i, c := range cases {
		s.judgeCore("wasm/", c, all[i])
	}
	return nil
}
