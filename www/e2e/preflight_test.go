package e2e

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// blankPage serves an empty page at a localhost address, which browsers trust
// as they trust https.
func blankPage(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte("<!doctype html><title>blank</title>"))
	}))
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "127.0.0.1", "localhost", 1) + "/"
}

// rawLink makes window.link resolve to an open data channel, signaled over a
// BroadcastChannel. Without any of tabraft, it shows what the network and the
// browser can do.
const rawLink = `window.link = (offerer) => new Promise((resolve) => {
  const signals = new BroadcastChannel("e2e"), pc = new RTCPeerConnection();
  const send = (m) => signals.postMessage(JSON.stringify({offerer, ...m}));
  const open = (ch) => { ch.binaryType = "arraybuffer"; window.channel = ch; ch.onopen = () => resolve(true); };
  pc.onicecandidate = (e) => e.candidate && send({candidate: e.candidate});
  pc.ondatachannel = (e) => open(e.channel);
  signals.onmessage = async ({data}) => {
    const m = JSON.parse(data);
    if (m.offerer === offerer) return;
    if (m.candidate) { await pc.addIceCandidate(m.candidate); return; }
    await pc.setRemoteDescription(m.description);
    if (!offerer) { await pc.setLocalDescription(); send({description: pc.localDescription}); }
  };
  if (offerer) { open(pc.createDataChannel("e2e")); pc.setLocalDescription().then(() => send({description: pc.localDescription})); }
})`

// TestPreflightWebRTC fails when the network does not let two tabs connect:
// then no other test can pass, and none of them is to blame.
func TestPreflightWebRTC(t *testing.T) {
	b := startBrowser(t, browserOptions{})
	url := blankPage(t)
	answerer, offerer := b.open(url), b.open(url)
	for _, tb := range []*tab{answerer, offerer} {
		tb.eval(rawLink, nil)
	}
	answerer.eval("window.opened = link(false), true", nil)
	start := time.Now()
	if err := offerer.evalWithin(5*time.Second, "link(true)", nil); err != nil {
		t.Fatalf("two tabs cannot open a data channel on this network: %v", err)
	}
	t.Logf("a data channel opens in %v", time.Since(start).Round(time.Millisecond))
}

// TestPreflightTabs tries what the harness promises of tabs.
func TestPreflightTabs(t *testing.T) {
	b := startBrowser(t, browserOptions{})
	url := blankPage(t)
	first, second := b.open(url), b.open(url)
	if !first.hidden() || second.hidden() {
		t.Error("a new tab in the same window does not hide the others")
	}
	first.front()
	waitFor(t, "the first tab to show", callTimeout, func() error {
		if first.hidden() {
			return errors.New("still hidden")
		}
		return nil
	})
	second.eval(`localStorage.bye = "no"; onpagehide = () => localStorage.bye = "yes"`, nil)
	second.close()
	var bye string
	first.eval("localStorage.bye", &bye)
	if bye != "yes" {
		t.Error("closing a tab does not run pagehide")
	}
	third := b.open(url)
	third.eval(`sessionStorage.mark = "1"; onpagehide = () => localStorage.bye = "again"`, nil)
	copied := third.duplicate()
	var mark string
	copied.eval("sessionStorage.mark", &mark)
	if mark != "1" {
		t.Error("a duplicated tab has no copy of sessionStorage")
	}
	copied.close()
	third.kill()
	first.eval("localStorage.bye", &bye)
	if bye != "yes" {
		t.Error("killing a renderer runs pagehide")
	}
	first.eval(`localStorage.bye = "kept"`, nil)
	b.close()
	b.again()
	b.open(url).eval("localStorage.bye", &bye)
	if bye != "kept" {
		t.Error("a browser that starts again on its profile has forgotten")
	}
}
