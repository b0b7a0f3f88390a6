package tab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall/js"
	"testing"
	"time"

	"tabraft/raft"
)

// inBothWays runs a test with Web Locks, and as on a plain-http page.
func inBothWays(t *testing.T, test func(t *testing.T, room string)) {
	if js.Global().Get("document").IsUndefined() {
		t.Skip("there is no document: this test runs in a browser only")
	}
	for name, fallback := range map[string]bool{"locks": false, "voice": true} {
		t.Run(name, func(t *testing.T) {
			claimWithoutLocks = fallback
			defer func() { claimWithoutLocks = false }()
			if !fallback && webLocks().IsUndefined() {
				t.Skip("this page has no Web Locks")
			}
			test(t, fmt.Sprintf("test%x", rand.Uint64()))
		})
	}
}

func mustClaim(t *testing.T, room string, id raft.ID, incarnation string, want bool) (release func()) {
	t.Helper()
	release, ok, err := Claim(t.Context(), room, id, incarnation, 0)
	if err != nil || ok != want || (release != nil) != want {
		t.Fatalf("claim of %v by %s: %v, %v, want %v", id, incarnation, ok, err, want)
	}
	return release
}

func TestClaim(t *testing.T) {
	inBothWays(t, func(t *testing.T, room string) {
		release := mustClaim(t, room, 1, "b", true)
		mustClaim(t, room, 1, "a", false) // lower, but later
		mustClaim(t, room, 1, "c", false)
		other := mustClaim(t, room, 2, "c", true)
		elsewhere := mustClaim(t, room+"x", 1, "c", true)
		release()
		release()
		again, ok, err := Claim(t.Context(), room, 1, "c", 5*time.Second)
		if !ok || err != nil {
			t.Fatalf("after release: %v, %v", ok, err)
		}
		mustClaim(t, room, 1, "b", false)
		again()
		other()
		elsewhere()
	})
}

func TestClaimWait(t *testing.T) {
	inBothWays(t, func(t *testing.T, room string) {
		release := mustClaim(t, room, 1, "a", true)
		if _, ok, err := Claim(t.Context(), room, 1, "b", 300*time.Millisecond); ok || err != nil {
			t.Fatalf("a held claim is had: %v, %v", ok, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, ok, err := Claim(ctx, room, 1, "b", time.Minute); ok || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("after its context ended: %v, %v", ok, err)
		}
		time.AfterFunc(100*time.Millisecond, release)
		second, ok, err := Claim(t.Context(), room, 1, "b", 10*time.Second)
		if !ok || err != nil {
			t.Fatalf("not had after it became free: %v, %v", ok, err)
		}
		// The waits that were given up do not hold it now.
		mustClaim(t, room, 1, "c", false)
		second()
		third, ok, err := Claim(t.Context(), room, 1, "c", 5*time.Second)
		if !ok || err != nil {
			t.Fatalf("not had the third time: %v, %v", ok, err)
		}
		third()
	})
}

// Ten tabs claim one id at the same moment: one has it.
func TestClaimRace(t *testing.T) {
	inBothWays(t, func(t *testing.T, room string) {
		var all sync.WaitGroup
		var winners []string
		for _, i := range rand.Perm(10) {
			all.Go(func() {
				release, ok, err := Claim(t.Context(), room, 1, fmt.Sprint("incarnation ", i), 0)
				if err != nil {
					t.Error(err)
				}
				if ok {
					winners = append(winners, fmt.Sprint(i))
					t.Cleanup(release)
				}
			})
		}
		all.Wait()
		if len(winners) != 1 || claimWithoutLocks && winners[0] != "0" {
			t.Errorf("winners: %v", winners)
		}
	})
}

// Whatever else is said on the channel changes nothing.
func TestNoiseOnChannel(t *testing.T) {
	inBothWays(t, func(t *testing.T, room string) {
		release := mustClaim(t, room, 1, "b", true)
		defer release()
		noise := js.Global().Get("BroadcastChannel").New("tabraft/" + room + "/claims")
		defer noise.Call("close")
		for _, message := range []any{"", "claim", "claim ", "owned " + raft.ID(2).String(), "claim x y z", 7, nil,
			map[string]any{"data": "x"}, "owned " + raft.ID(1).String() + " a"} {
			noise.Call("postMessage", message)
		}
		time.Sleep(20 * time.Millisecond)
		mustClaim(t, room, 1, "a", false)
	})
}
