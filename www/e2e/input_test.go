package e2e

import (
	"strings"
	"testing"
)

// A link whose key is damaged, cut short or missing is not an empty room: the
// page says what is wrong with it, and stores nothing.
func TestDamagedLink(t *testing.T) {
	r := startRoom(t, browserOptions{})
	good := r.openTabs(1)[0]
	link := good.state().Room.Link
	fragment := link[strings.Index(link, "#"):]
	room, key, _ := strings.Cut(strings.TrimPrefix(fragment, "#room="), "&key=")
	other := "A"
	if strings.HasPrefix(key, "A") {
		other = "B"
	}
	for _, c := range []struct{ name, fragment, words string }{
		{"one letter wrong", "#room=" + room + "&key=" + other + key[1:], "key"},
		{"cut short", "#room=" + room + "&key=" + key[:20], "key"},
		{"no key", "#room=" + room, "key"},
		{"no room", "#key=" + key, "room"},
		{"bad name", "#room=Ä%20/&key=" + key, "room"},
		{"endless", "#room=" + strings.Repeat("a", 5000) + "&key=" + key, "room"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tb := r.open(r.server.url + c.fragment)
			t.Log(waitText(t, tb, notice, c.words, loadTimeout))
			if s := tb.state(); s.Role != "stopped" || !contains(s.Reason, c.words) || s.Problem == "" {
				t.Errorf("the role is %q, the problem %q, the reason %q", s.Role, s.Problem, s.Reason)
			}
			_, err := tb.command("put", "k", "v")
			wantFailure(t, err, "stopped", c.words)
			tb.close()
		})
	}
	// The browser still knows its room.
	second := r.openTab()
	r.waitCluster(2, good, second)
}

// Commands that break a limit are refused with the limit.
func TestHugeCommands(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	leader := r.waitCluster(3, tabs...)
	follower := except(tabs, leader)[0]
	for _, tb := range []*tab{leader, follower} {
		for _, c := range []struct {
			name  string
			words string
			args  []any
		}{
			{"put", "1024 bytes", []any{strings.Repeat("k", 1025), "v"}},
			{"put", "65536 bytes", []any{"k", strings.Repeat("v", 65537)}},
			{"cas", "65536 bytes", []any{"k", strings.Repeat("v", 65537), "v"}},
			{"get", "1024 bytes", []any{strings.Repeat("k", 1<<20)}},
			{"put", "empty", []any{"", "v"}},
			{"put", "text", []any{"k", map[string]int{"not": 1}}},
			{"put", "text", []any{"k"}},
			{"delete", "text", nil},
		} {
			_, err := tb.command(c.name, c.args...)
			wantFailure(t, err, "invalid", c.words)
		}
		r.put(tb, strings.Repeat("k", 1024), strings.Repeat("ü", 32768))
		r.put(tb, "__proto__", "a key like any other")
		r.put(tb, "<img src=x onerror=alert(1)>", "<script>alert(1)</script>")
	}
	r.waitAcked(tabs...)
	sameLogs(t, tabs)
}

// What a browser may lack, taken away before the page loads: the page says so
// in words, and other tabs do not mind.
func TestBrowserLacks(t *testing.T) {
	r := startRoom(t, browserOptions{})
	good := r.openTabs(1)[0]
	for _, c := range []struct{ name, inject, words string }{
		{"WebRTC", "delete window.RTCPeerConnection; delete window.webkitRTCPeerConnection", "WebRTC"},
		{"WebAssembly", "delete window.WebAssembly", "WebAssembly"},
		{"IndexedDB", "Object.defineProperty(window, 'indexedDB', {get() { return undefined }})", "IndexedDB"},
		{"IndexedDB allowed", "Object.defineProperty(window, 'indexedDB', {get() { throw new DOMException('denied', 'SecurityError') }})", "IndexedDB"},
		{"IndexedDB that opens", "IDBFactory.prototype.open = () => { throw new DOMException('denied', 'SecurityError') }", "stor"},
		{"IndexedDB that works", `IDBFactory.prototype.open = function() {
			const r = {}; setTimeout(() => { r.error = new DOMException("A mutation operation was attempted on a database that did not allow mutations.", "InvalidStateError"); r.onerror?.({preventDefault() {}, target: r}) }); return r }`, "stor"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tb := r.openWith(r.server.url, openOptions{inject: c.inject})
			t.Log(waitText(t, tb, notice, c.words, loadTimeout))
			tb.close()
		})
	}
	second := r.openTab()
	r.waitCluster(2, good, second)
}

// A tab whose storage fails while it runs stops as if crashed, with the reason;
// the others carry on.
func TestStorageFails(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	leader := r.waitCluster(3, tabs...)
	failing := except(tabs, leader)[0]
	failing.eval(`IDBObjectStore.prototype.put = IDBObjectStore.prototype.add =
		() => { throw new DOMException("The disk is full.", "QuotaExceededError") }, true`, nil)
	r.put(leader, "to two of three", "yes")
	waitText(t, failing, notice, "stor", spreadTimeout)
	if s := failing.state(); s.Role != "stopped" || s.Problem != "storage" || s.Reason == "" {
		t.Errorf("the role is %q, the problem %q, the reason %q", s.Role, s.Problem, s.Reason)
	} else {
		t.Log(s.Reason)
	}
	r.put(leader, "still to two of three", "yes")
	r.waitAcked(except(tabs, failing)...)
	// Its storage works again, and it starts from what it had.
	failing.reload()
	r.waitCluster(3, tabs...)
	r.waitAcked(tabs...)
}
