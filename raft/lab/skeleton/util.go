package raft

import (
	"log"
	"math/rand"
	"time"
)

// Debug turns on DPrintf. Much printing slows a run down, and when the tester runs in
// virtual time it is the only thing that does.
const Debug = false

// DPrintf prints a line while Debug is on. Begin lines with the server's number and term: they
// come from all servers at once.
func DPrintf(format string, a ...any) {
	if Debug {
		log.Printf(format, a...)
	}
}

// pause sleeps for 50 to 350 ms.
func pause() {
	time.Sleep(time.Duration(50+rand.Int63n(300)) * time.Millisecond)
}
