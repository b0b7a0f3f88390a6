package rtc

import (
	"fmt"
	"strings"
	"testing"
)

func TestSignalsAreChecked(t *testing.T) {
	for reason, payload := range map[string]string{
		"at most 32768 allowed":  strings.Repeat(" ", MaxSignal+1),
		"invalid character":      "hello",
		"version 2":              `{"v":2,"kind":"offer"}`,
		"unknown kind":           `{"v":1,"kind":"dance"}`,
		"0 bytes of session":     `{"v":1,"kind":"offer","attempt":1}`,
		"at most 16384 allowed":  fmt.Sprintf(`{"v":1,"kind":"answer","attempt":1,"sdp":"%s"}`, strings.Repeat("x", MaxSDP+1)),
		"candidate of 1025":      fmt.Sprintf(`{"v":1,"kind":"candidate","attempt":1,"candidate":"%s"}`, strings.Repeat("x", MaxCandidate+1)),
		"offer without an":       `{"v":1,"kind":"offer","sdp":"v=0"}`,
		"number -1":              `{"v":1,"kind":"offer","sdp":"v=0","attempt":-1}`,
		"cannot unmarshal array": `[]`,
	} {
		if _, err := parseSignal([]byte(payload)); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("wanted %q, got %v", reason, err)
		}
	}
	if _, err := parseSignal([]byte(`{"v":1,"kind":"request","from":"a","to":"b"}`)); err != nil {
		t.Error(err)
	}
}

// TestSignalsOfOthersAreIgnored sends a mesh what is not for it, and what pion
// cannot read.
func TestSignalsOfOthersAreIgnored(t *testing.T) {
	_, a, b := pair(t)
	offer := func(from, to, sdp string) []byte {
		return fmt.Appendf(nil, `{"v":1,"kind":"offer","attempt":99,"from":%q,"to":%q,"sdp":%q}`, from, to, sdp)
	}
	b.mesh.Signal(peerNamed(7, KindTab), offer("7", b.self.Incarnation, "v=0"))
	b.mesh.Signal(a.self, offer("older", b.self.Incarnation, "v=0"))
	b.mesh.Signal(a.self, offer(a.self.Incarnation, "older", "v=0"))
	b.mesh.Signal(a.self, []byte("{"))
	b.mesh.Left(Peer{ID: a.self.ID, Incarnation: "older"})
	sendSoon(t, a, b, []byte("x"))
	b.await("a frame", func() bool { return len(b.frames[1]) == 1 })
	if downs := b.told(); len(downs) != 0 {
		t.Errorf("downs %q", downs)
	}
	// An offer that is not one costs the link, not the mesh.
	b.mesh.Signal(a.self, offer(a.self.Incarnation, b.self.Incarnation, "nonsense"))
	if reason := b.awaitDown(1); reason != "1: the peer made a new connection" {
		t.Error(reason)
	}
	b.await("the reason", func() bool {
		l := b.link(a)
		return l.State != "waiting" || strings.Contains(l.LastError, "taking the peer's offer")
	})
}

func FuzzSignal(f *testing.F) {
	f.Add([]byte(`{"v":1,"kind":"offer","from":"a","to":"b","attempt":1,"round":0,"sdp":"v=0"}`))
	f.Add([]byte(`{"v":1,"kind":"request","from":"a","to":"b","restart":true}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseSignal(b); err == nil && (len(s.SDP) > MaxSDP || len(s.Candidate) > MaxCandidate) {
			t.Errorf("%+v", s)
		}
	})
}
