// Package e2e tries tabraft as a person would: the real server, the real page,
// real browsers: most tests in Chromium, driven by its DevTools protocol, some in
// Firefox, driven by WebDriver BiDi, some in both at once. The files without _test in their names are the harness:
//
//	network_linux.go  a private network for the whole run, when root
//	process.go        programs that the tests start
//	server.go         `tabraft serve` as a process that can be killed and restarted
//	browser.go        a Chromium with its own profile
//	tab.go            a tab: evaluate, reload, close, kill its renderer
//	bidi.go           a session of WebDriver BiDi
//	firefox.go        a Firefox with its own profile
//	firefox_tab.go    a tab of it
//	api.go            window.tabraft as Go methods, for tabs of any browser
//	cluster.go        what tabs agree on, and what was acknowledged to them
//	room.go           a server, a browser and the tabs of one room
//	wait.go           conditions with a limit, and what to say when it passes
//	history.go        a record of what clients asked and were told
//	check.go          is that record linearizable, and was nothing lost?
//	load.go           clients that use a cluster while things happen to it
//	availability.go   what the clients met, in figures
//	witness.go        what every server said of itself, those too that died
//	fleet.go          several browsers in one room, under load and watched
//	soak.go           random faults for a time; soak_faults.go has their kinds
//	suspend.go        ways to stop a tab and let it go on
//	traces.go         what is kept of a failed test, under traces/
//	display.go        a virtual screen, for a headed browser
//	picture.go        makes a screenshot small
//	peer.go           `tabraft peer` as a process
//	gotest.go         runs GOOS=js test binaries in a tab
//
// Tests need the built program: `make e2e` from the repository's root builds
// it and runs them. By hand:
//
//	make build && cd www/e2e && go test -count=1 -v -run TestLeaderTabCloses
//
// Environment:
//
//	TABRAFT_BIN       the program, if it is not ../../build/tabraft
//	TABRAFT_CHROMIUM  the Chromium, if it is not found in the usual places
//	TABRAFT_FIREFOX   the Firefox, likewise
//	TABRAFT_E2E_NET   "host" keeps the run out of a private network
//	TABRAFT_BENCH     any value runs the measurements of bench_test.go
//	TABRAFT_LONG      any value runs tests of suspension, crashes and churn at
//	                  length: a minute of sleep, 100 crashes, 20 tabs
//	MINUTES, SEED     how long TestSoak lasts, and the seed of random choices
//	TABRAFT_SHOT      file to write the README's screenshot to
//	TABRAFT_LOOK      any value keeps the pictures of TestLayout, under traces/
//
// As root the whole run moves into a network namespace of its own, so that
// nothing it sends leaves the machine; elsewhere it uses the host's network.
//
// Flags that keep background tabs running (--disable-background-timer-throttling
// and its kin) are left out on purpose: a person's browser does not have them,
// and that hidden tabs stay live is one of the things tested here.
package e2e
