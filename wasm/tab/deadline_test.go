//go:build !js

package tab

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"tabraft/raft/kv"
	"tabraft/raft/node"
)

// Every command waits node.ProposeTimeout, neither less nor more, also when it
// waits for the session that an earlier one opens.
func TestCommandsWaitTheirOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := node.NewSystemClock()
		n, err := node.Start(node.Config{
			ID: 1, Storage: node.NewMemoryStorage(0), Transport: node.NewMemoryNetwork(0).Port(1), Machine: kv.NewMap(),
			Clock: clock, Rand: rand.New(rand.NewPCG(1, 1)),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer n.Stop()
		q := commands{clock: clock}
		waited := make(chan time.Duration, 3)
		for range 3 {
			asked := clock.Now()
			q.do(n, kv.Command{Op: kv.Put, Key: "k", Value: "v"}, asked+node.ProposeTimeout, func(_ Answer, err *CommandError) {
				if err == nil || err.Code != CodeNoLeader {
					t.Errorf("it ended with %v", err)
				}
				waited <- clock.Now() - asked
			})
			time.Sleep(3 * time.Second)
		}
		for range 3 {
			if d := <-waited; d < node.ProposeTimeout || d > node.ProposeTimeout+time.Second/2 {
				t.Errorf("a command waited %v, stated are %v", d, node.ProposeTimeout)
			}
		}
	})
}
