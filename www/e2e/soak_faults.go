package e2e

import (
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/chromedp/cdproto/page"
)

// soak_faults.go: the kinds of faults of a soak. Each chooses by itself what it
// is done to.

const (
	// longSleep, longCut and longAway bound, roughly, how long tabs are suspended,
	// links are cut and slowed, and tabs and the server are away.
	longSleep = 8 * time.Second
	longCut   = 5 * time.Second
	longAway  = 4 * time.Second
	// slowLink is the delay of a slowed link, lossy the share of messages that a
	// lossy one loses.
	slowLink = 200 * time.Millisecond
	lossy    = 0.3
)

var faults = []fault{
	{name: "tab opened", do: (*soak).faultOpen},
	{name: "tab closed", do: (*soak).faultClose},
	{name: "tab reloaded", do: (*soak).faultReload},
	{name: "tab duplicated", do: (*soak).faultDuplicate},
	{name: "renderer killed", do: (*soak).faultKillRenderer},
	{name: "browser killed", do: (*soak).faultKillBrowser},
	{name: "all browsers killed", do: (*soak).faultKillAll, rare: true},
	{name: "process stopped", do: (*soak).faultStop},
	{name: "page frozen", do: (*soak).faultFreeze},
	{name: "server isolated", do: (*soak).faultIsolate},
	{name: "link cut", do: func(s *soak) bool { return s.faultLink("{block: true, way: %q}", "{block: false}") }},
	{name: "link lossy", do: func(s *soak) bool {
		return s.faultLink(fmt.Sprintf("{drop: %v, way: %%q}", lossy), "{drop: 0}")
	}},
	{name: "link slow", do: func(s *soak) bool {
		return s.faultLink(fmt.Sprintf("{delayMs: %d, way: %%q}", slowLink.Milliseconds()), "{delayMs: 0}")
	}},
	{name: "signaling killed", do: (*soak).faultSignaling},
	{name: "crash() and restart()", do: (*soak).faultCrash},
	{name: "leadership transferred", do: (*soak).faultTransfer},
	{name: "snapshot taken", do: (*soak).faultSnapshot},
	{name: "storage fails", do: (*soak).faultStorage},
	{name: "saves deleted", do: (*soak).faultDeleted, rare: true},
	{name: "stranger attacks", do: (*soak).faultStranger},
}

// faultStorage has a tab's transactions fail, until it is reloaded.
func (s *soak) faultStorage() bool {
	tb := s.pick(s.alone)
	if tb == nil || !s.mayLose(1) {
		return false
	}
	s.note("the storage of %v of browser %d fails", tb, tb.browser.number)
	tb.eval("IDBTransaction.prototype.commit = IDBTransaction.prototype.abort, true", nil)
	s.lasting(tb, longAway, "it is reloaded", func() { s.reload(tb) })
	return true
}

// reload reloads a tab, with the server there to give the page.
func (s *soak) reload(tb *tab) {
	s.serve()
	tb.reload()
}

// faultDeleted deletes all saves that a browser has: each of its servers is gone for good,
// and its tabs become new ones. It never takes a majority, for then what was committed
// would be lost: all members must be well, for which it ends the other faults and waits for
// a while, and who was deleted before must be out.
func (s *soak) faultDeleted() bool {
	for len(s.pending) > 0 {
		s.repair()
	}
	b := s.browsers[s.random.IntN(len(s.browsers))]
	for end := time.Now().Add(2 * soakRemoveAfter); time.Now().Before(end); time.Sleep(pollEvery) {
		if s.deleteSaves(b) {
			return true
		}
	}
	return false
}

func (s *soak) deleteSaves(b *browser) bool {
	calm, tabs := s.calm(), b.live()
	if len(tabs) == 0 || len(calm) != len(s.live()) {
		return false
	}
	var ids []string
	for _, tb := range calm {
		state, err := tb.tryState()
		if err != nil || len(state.Members) != len(calm) || state.Quorum.Voters != len(calm) || state.Quorum.Alive != len(calm) ||
			len(tabs) > state.Quorum.Voters-state.Quorum.Needed ||
			slices.ContainsFunc(state.Members, func(m Member) bool { return slices.Contains(s.deleted, m.ID) }) {
			return false
		}
		if slices.Contains(tabs, tb) {
			ids = append(ids, state.ID)
		}
	}
	s.deleted = ids
	s.note("the saves of browser %d are deleted, with %d tabs", b.number, len(tabs))
	tabs[0].eval(clearSaves, nil)
	for _, tb := range tabs {
		s.lasting(tb, longAway, "it is reloaded", func() { s.reload(tb) })
	}
	return true
}

// faultStranger lets a hostile peer attack all tabs for a while.
func (s *soak) faultStranger() bool {
	tb := s.pick(nil)
	if tb == nil || s.offline {
		return false
	}
	state, err := tb.tryState()
	if err != nil || state.Leader == "" {
		return false
	}
	s.note("a stranger attacks")
	h := attack(s.t, state, strangerID, "forges", "4 GiB", "4 GiB in a frame", "answers for another", "replays", "raises the term", "says it is removed")
	s.later(longAway/2+s.upTo(longAway), "the stranger goes", h.kill)
	return true
}

func (s *soak) faultOpen() bool {
	if s.offline || len(s.live()) >= manyTabs {
		return false
	}
	b := s.browsers[s.random.IntN(len(s.browsers))]
	if !b.running() {
		return false
	}
	s.openIn(b)
	return true
}

func (s *soak) faultClose() bool {
	if len(s.live()) <= fewTabs || !s.mayLose(1) {
		return false
	}
	tb := s.pick(nil)
	if tb == nil {
		return false
	}
	s.note("%v of browser %d is closed", tb, tb.browser.number)
	tb.close()
	return true
}

func (s *soak) faultReload() bool {
	tb := s.pick(nil)
	if tb == nil || s.offline {
		return false
	}
	s.note("%v of browser %d is reloaded", tb, tb.browser.number)
	tb.reload()
	return true
}

func (s *soak) faultDuplicate() bool {
	tb := s.pick(nil)
	if tb == nil || s.offline || len(s.live()) >= manyTabs {
		return false
	}
	copied := tb.duplicate()
	copied.renderer = tb.renderer
	s.add(copied)
	s.note("%v of browser %d is duplicated as %v", tb, tb.browser.number, copied)
	return true
}

func (s *soak) faultKillRenderer() bool {
	tb := s.pick(s.alone)
	if tb == nil || !s.mayLose(1) {
		return false
	}
	s.note("the renderer of %v of browser %d is killed", tb, tb.browser.number)
	tb.kill()
	tb.dismiss()
	s.openLater(tb.browser, 1)
	return true
}

// openLater opens tabs in a browser after a while, which starts if it has to.
func (s *soak) openLater(b *browser, n int) {
	s.later(s.upTo(longAway), fmt.Sprintf("%d tabs for browser %d", n, b.number), func() {
		s.serve()
		if !b.running() {
			b.again()
		}
		for range n {
			s.openIn(b)
		}
	})
}

func (s *soak) faultKillBrowser() bool {
	b := s.browsers[s.random.IntN(len(s.browsers))]
	n := len(b.live())
	if !b.running() || !s.mayLose(n) {
		return false
	}
	s.note("browser %d is killed, with %d tabs", b.number, n)
	s.kill(b)
	s.openLater(b, n)
	return true
}

// kill ends a browser and all that is stopped in it.
func (s *soak) kill(b *browser) {
	for _, tb := range b.live() {
		if s.busy[tb] && tb.renderer != 0 {
			syscall.Kill(tb.renderer, syscall.SIGKILL) // it may be gone
		}
		delete(s.busy, tb)
	}
	s.killBrowser(b)
}

func (s *soak) faultKillAll() bool {
	s.note("all browsers are killed")
	for _, b := range s.browsers {
		if n := len(b.live()); b.running() {
			s.kill(b)
			s.openLater(b, n)
		}
	}
	return true
}

func (s *soak) faultStop() bool {
	tb := s.pick(s.alone)
	if tb == nil || !s.mayLose(1) {
		return false
	}
	s.note("the renderer of %v of browser %d is stopped", tb, tb.browser.number)
	tb.signal(syscall.SIGSTOP)
	s.lasting(tb, longSleep, "the renderer goes on", func() { tb.signal(syscall.SIGCONT) })
	return true
}

func (s *soak) faultFreeze() bool {
	tb := s.pick(nil)
	if tb == nil || !s.mayLose(1) {
		return false
	}
	s.note("%v of browser %d is frozen", tb, tb.browser.number)
	tb.lifecycle(page.SetWebLifecycleStateStateFrozen)
	s.lasting(tb, longSleep, "the page thaws", func() { tb.lifecycle(page.SetWebLifecycleStateStateActive) })
	return true
}

func (s *soak) faultIsolate() bool {
	tb := s.pick(nil)
	if tb == nil || !s.mayLose(1) {
		return false
	}
	s.note("%v of browser %d is isolated", tb, tb.browser.number)
	tb.eval("tabraft.isolate(true)", nil)
	s.lasting(tb, longCut, "it is isolated no more", func() { tb.eval("tabraft.isolate(false)", nil) })
	return true
}

// faultLink puts a fault on the link of one tab to another, in one direction or
// both.
func (s *soak) faultLink(fault, mended string) bool {
	tb := s.pick(nil)
	if tb == nil {
		return false
	}
	var peers []string
	state, err := tb.tryState()
	if err != nil {
		return false
	}
	for _, m := range state.Members {
		if !m.Self {
			peers = append(peers, m.ID)
		}
	}
	if len(peers) == 0 {
		return false
	}
	peer := peers[s.random.IntN(len(peers))]
	fault = fmt.Sprintf(fault, []string{"both", "in", "out"}[s.random.IntN(3)])
	s.note("the link of %v of browser %d to %s becomes %s", tb, tb.browser.number, peer, fault)
	tb.eval(fmt.Sprintf("tabraft.link(%q, %s)", peer, fault), nil)
	s.later(longCut/10+s.upTo(longCut), fmt.Sprintf("the link of %v of browser %d is mended", tb, tb.browser.number), func() {
		if slices.Contains(s.live(), tb) {
			tb.eval(fmt.Sprintf("window.tabraft?.link(%q, %s)", peer, mended), nil)
		}
	})
	return true
}

func (s *soak) faultSignaling() bool {
	if s.offline {
		return false
	}
	s.note("the server is killed")
	s.server.kill()
	s.offline = true
	s.later(s.upTo(longAway), "the server starts", s.serve)
	return true
}

// serve starts the server if it is down.
func (s *soak) serve() {
	if s.offline {
		s.server.start()
		s.offline = false
	}
}

func (s *soak) faultCrash() bool {
	tb := s.pick(nil)
	if tb == nil || !s.mayLose(1) {
		return false
	}
	s.note("%v of browser %d crashes", tb, tb.browser.number)
	tb.eval("tabraft.crash()", nil)
	s.lasting(tb, longAway, "it restarts", func() { tb.eval("tabraft.restart()", nil) })
	return true
}

// Transfers and snapshots may fail, as when there is no leader: what matters is
// what they do to others.

func (s *soak) faultTransfer() bool {
	tb, to := s.pick(nil), s.pick(nil)
	if tb == nil || to == nil {
		return false
	}
	target, err := to.tryState()
	if err != nil {
		return false
	}
	s.note("%v of browser %d asks for a transfer to %v of browser %d", tb, tb.browser.number, to, to.browser.number)
	tb.eval(fmt.Sprintf("tabraft.transfer(%q).catch(() => {}), true", target.ID), nil)
	return true
}

func (s *soak) faultSnapshot() bool {
	tb := s.pick(nil)
	if tb == nil {
		return false
	}
	s.note("%v of browser %d takes a snapshot", tb, tb.browser.number)
	tb.eval("tabraft.snapshot().catch(() => {}), true", nil)
	return true
}

// clearSaves empties the stores that servers save into, and no other, as DevTools can.
const clearSaves = `new Promise((resolve, reject) => {
	const request = indexedDB.open("tabraft");
	request.onerror = () => reject(request.error);
	request.onsuccess = () => {
		const db = request.result, stores = [...db.objectStoreNames].filter((name) => name.startsWith("saves"));
		const tx = db.transaction(stores, "readwrite");
		for (const name of stores) tx.objectStore(name).clear();
		tx.oncomplete = () => { db.close(); resolve(true); };
		tx.onabort = () => reject(tx.error);
	};
})`
