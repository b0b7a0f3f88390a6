package tab

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall/js"
	"testing"
	"time"

	"tabraft/signaling/client"
	"tabraft/wasm/idb"
)

// onPlainHTTP runs a test with claims by voice.
func onPlainHTTP(t *testing.T) (room string) {
	t.Helper()
	if js.Global().Get("document").IsUndefined() {
		t.Skip("there is no document: this test runs in a browser only")
	}
	claimWithoutLocks = true
	t.Cleanup(func() { claimWithoutLocks = false })
	return fmt.Sprintf("test%x", rand.Uint64())
}

// objector is what the Worker of another tab does that owns an id. It says 0 when
// it listens, and objects after so many milliseconds.
const objector = `
	const voice = new BroadcastChannel(%q);
	voice.onmessage = (event) => {
		if (/^(claim|last) /.test(event.data)) setTimeout(() => voice.postMessage(%q), %d);
	};
	postMessage(0);`

// otherTab stands in for a tab that owns server 1 of a room.
func otherTab(t *testing.T, room string, delayMs int) {
	t.Helper()
	script := fmt.Sprintf(objector, "tabraft/"+room+"/claims", "owned 0000000000000001 zz", delayMs)
	url := js.Global().Get("URL").Call("createObjectURL", js.Global().Get("Blob").New([]any{script}))
	worker := js.Global().Get("Worker").New(url)
	up := make(chan struct{})
	ready := callback(func(js.Value) any { close(up); return nil })
	worker.Set("onmessage", ready)
	t.Cleanup(func() { worker.Call("terminate"); ready.Release() })
	select {
	case <-up:
	case <-time.After(20 * time.Second):
		t.Fatal("the Worker does not start")
	}
}

// A claimant that is busy while it waits finds its time over and the objection
// unread: it must read it first.
func TestObjectionBehindALateTimer(t *testing.T) {
	room := onPlainHTTP(t)
	otherTab(t, room, 20)
	for range 5 {
		busy := callback(func(js.Value) any {
			for end := time.Now().Add(2 * claimWindow); time.Now().Before(end); {
			}
			return nil
		})
		js.Global().Call("setTimeout", busy, 5)
		mustClaim(t, room, 1, "a", false)
		busy.Release()
	}
}

// An owner learns that another believes to have its claim, too, and can look.
func TestDoubtedClaim(t *testing.T) {
	room := onPlainHTTP(t)
	h, ok, err := claim(t.Context(), room, 1, "b")
	if !ok || err != nil {
		t.Fatalf("%v, %v", ok, err)
	}
	defer h.release()
	doubts := make(chan struct{}, 10)
	h.watch(func() { doubts <- struct{}{} })
	other := js.Global().Get("BroadcastChannel").New("tabraft/" + room + "/claims")
	defer other.Call("close")
	for _, said := range []string{"took 0000000000000001 b", "took 0000000000000002 c", "claim 0000000000000001 c", "took 0000000000000001 c"} {
		other.Call("postMessage", said)
	}
	select {
	case <-doubts:
	case <-time.After(20 * time.Second):
		t.Fatal("no doubt")
	}
	time.Sleep(50 * time.Millisecond)
	if len(doubts) != 0 {
		t.Errorf("%d doubts more", len(doubts))
	}
	h.took() // is heard by nobody here, itself included
}

// Two tabs on one identity, as after a claim that failed: the one that took it
// last lives, the other one fails at once, without a save. A tab that only says so
// changes nothing.
func TestLoserOfAClaimStopsAtOnce(t *testing.T) {
	onPlainHTTP(t)
	db := testDB(t)
	h := home(t, db, client.RandomRoom())
	failed := make(chan error, 4)
	storage, err := h.Begin("life1", func(err error) { failed <- err })
	if err != nil {
		t.Fatal(err)
	}
	defer storage.Close()
	other := js.Global().Get("BroadcastChannel").New("tabraft/" + h.room + "/claims")
	defer other.Call("close")
	other.Call("postMessage", "took "+h.id.String()+" liar")
	time.Sleep(300 * time.Millisecond)
	select {
	case err := <-failed:
		t.Fatalf("a word ended the life: %v", err)
	default:
	}
	if _, err := db.Take(t.Context(), h.id, "life2"); err != nil {
		t.Fatal(err)
	}
	other.Call("postMessage", "took "+h.id.String()+" other")
	select {
	case err := <-failed:
		if !errors.Is(err, idb.ErrFenced) {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the fenced tab goes on")
	}
}

// A page that goes while it claims, and lies in the back-forward cache, gives its claim
// up. When it comes back it spoke on a channel that it had closed, which ended the
// program.
func TestPageGoesWhileItClaims(t *testing.T) {
	room := onPlainHTTP(t)
	v, err := openVoice(room, 1, "a")
	if err != nil {
		t.Fatal(err)
	}
	claimed := make(chan error, 1)
	go func() { claimed <- v.claim(t.Context()) }()
	<-v.echoed
	v.close() // as pagehide does
	if err := <-claimed; !errors.Is(err, errRefused) || v.own() {
		t.Errorf("it claimed: %v", err)
	}
}
