package e2e

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// firefoxTimeout bounds the start of a Firefox, with a fresh profile and on a
	// busy machine.
	firefoxTimeout = 60 * time.Second
	// firefoxListens is what Firefox says before the address of its WebSocket.
	firefoxListens = "WebDriver BiDi listening on "
)

// firefoxPrefs are the settings without which a Firefox does not run by itself:
// it would show first-run pages and call home. The list of settings that
// Firefox applies when it is driven is longer and changes how hidden tabs are
// treated, so it is off.
var firefoxPrefs = map[string]any{
	"remote.prefs.recommended": false,

	// Nothing to click away, nothing restored after a crash.
	"browser.aboutwelcome.enabled":                                false,
	"browser.sessionstore.resume_from_crash":                      false,
	"browser.shell.checkDefaultBrowser":                           false,
	"browser.startup.homepage_override.mstone":                    "ignore",
	"browser.startup.page":                                        0,
	"browser.tabs.warnOnClose":                                    false,
	"browser.newtabpage.enabled":                                  false,
	"datareporting.policy.dataSubmissionPolicyBypassNotification": true,
	"startup.homepage_welcome_url":                                "about:blank",
	"termsofuse.bypassNotification":                               true,
	"toolkit.startup.max_resumed_crashes":                         -1,

	// Nothing sent or fetched but what the tests ask for.
	"app.normandy.enabled": false,
	"app.update.auto":      false,
	"browser.newtabpage.activity-stream.feeds.topsites": false,
	"browser.region.network.url":                        "",
	"browser.safebrowsing.downloads.remote.enabled":     false,
	"browser.safebrowsing.malware.enabled":              false,
	"browser.safebrowsing.phishing.enabled":             false,
	"browser.search.update":                             false,
	"datareporting.healthreport.uploadEnabled":          false,
	"datareporting.policy.dataSubmissionEnabled":        false,
	"dom.push.connection.enabled":                       false,
	"extensions.getAddons.cache.enabled":                false,
	"extensions.update.enabled":                         false,
	"media.gmp-manager.updateEnabled":                   false,
	"network.captive-portal-service.enabled":            false,
	"network.connectivity-service.enabled":              false,
	"services.settings.server":                          "data:,",
	"toolkit.telemetry.enabled":                         false,
	"toolkit.telemetry.unified":                         false,
}

// firefoxOptions say what is special about a Firefox.
type firefoxOptions struct {
	// display is the X display of a headed browser; empty for a headless one.
	display string
	// prefs are further settings.
	prefs map[string]any
}

// A firefox is a running Firefox. Its first tab stays blank, so that it lives
// on when all others are closed.
type firefox struct {
	t       testing.TB
	number  int // among the browsers of all tests, from 1
	profile string
	options firefoxOptions
	life    *process
	session *bidi

	mu   sync.Mutex
	tabs []*foxTab // in the order of opening, closed ones too
}

// firefoxPath is the browser to start. It skips the test if there is none.
func firefoxPath(t testing.TB) string {
	t.Helper()
	for _, name := range []string{os.Getenv("TABRAFT_FIREFOX"), "firefox-esr", "firefox"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Firefox: install Debian's package firefox-esr, or name one in TABRAFT_FIREFOX; make e2e as root installs it")
	return ""
}

// startFirefox starts a Firefox on a fresh profile, which ends with the test.
func startFirefox(t testing.TB, options firefoxOptions) *firefox {
	t.Helper()
	f := &firefox{t: t, number: int(browsers.Add(1)), profile: profileDir(t), options: options}
	f.writePrefs()
	traceFolder(t)
	t.Cleanup(func() {
		if t.Failed() && f.session != nil {
			f.keepTraces()
		}
		f.kill()
	})
	f.start()
	return f
}

// writePrefs writes the settings to the profile, where Firefox reads them at
// each start.
func (f *firefox) writePrefs() {
	f.t.Helper()
	prefs := maps.Clone(firefoxPrefs)
	maps.Copy(prefs, f.options.prefs)
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(prefs)) {
		value, err := json.Marshal(prefs[name])
		if err != nil {
			f.t.Fatal(err)
		}
		fmt.Fprintf(&out, "user_pref(%q, %s);\n", name, value)
	}
	if err := os.WriteFile(filepath.Join(f.profile, "user.js"), []byte(out.String()), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

func (f *firefox) start() {
	f.t.Helper()
	// With system access a test can ask Firefox's own window which process a
	// tab has.
	args := []string{"--remote-debugging-port=0", "--remote-allow-system-access", "--no-remote", "--new-instance", "--profile", f.profile}
	env := append(os.Environ(), "MOZ_CRASHREPORTER_DISABLE=1")
	if f.options.display == "" {
		args = append(args, "--headless", fmt.Sprintf("--width=%d", windowWidth), fmt.Sprintf("--height=%d", windowHeight))
	} else {
		env = append(env, "DISPLAY="+f.options.display)
	}
	life, err := startProcessWith(processOptions{env: env}, firefoxPath(f.t), args...)
	if err != nil {
		f.t.Fatal(err)
	}
	f.life = life
	line, err := life.line(firefoxListens, firefoxTimeout)
	if err != nil {
		f.t.Fatalf("start Firefox: %v", err)
	}
	address := line[strings.Index(line, firefoxListens)+len(firefoxListens):] + "/session"
	f.session, err = dialBidi(address, f.event)
	if err != nil {
		f.t.Fatalf("drive Firefox: %v", err)
	}
	f.call("session.subscribe", object{"events": []string{"log.entryAdded"}}, nil)
}

// call runs a command that does not fail in a sound browser.
func (f *firefox) call(method string, params, out any) {
	f.t.Helper()
	if err := f.session.call(callTimeout, method, params, out); err != nil {
		f.t.Fatalf("Firefox: %v", err)
	}
}

// close closes the browser as a person would, with all its tabs.
func (f *firefox) close() {
	f.t.Helper()
	if err := f.session.call(closeTimeout, "browser.close", object{}, nil); err != nil && !errors.Is(err, errBidiEnded) {
		f.t.Fatalf("close Firefox: %v", err)
	}
	select {
	case <-f.life.ended:
	case <-time.After(closeTimeout):
		f.t.Fatalf("Firefox did not end within %v of being closed:\n%s", closeTimeout, f.life.output)
	}
	f.session.close()
}

// kill ends the browser at once, as a crash would: its content processes end
// when they lose the connection to it.
func (f *firefox) kill() {
	for _, tb := range f.live() {
		tb.markGone()
	}
	if f.life != nil {
		f.life.kill()
	}
	if f.session != nil {
		f.session.close()
	}
}

// again starts the closed or killed browser on the same profile.
func (f *firefox) again() {
	f.t.Helper()
	f.mu.Lock()
	f.tabs = nil
	f.mu.Unlock()
	f.start()
}

// event gets what the browser tells by itself.
func (f *firefox) event(method string, params json.RawMessage) {
	if method != "log.entryAdded" {
		return
	}
	var entry foxMessage
	if err := json.Unmarshal(params, &entry); err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, tb := range f.tabs {
		if tb.id == entry.Source.Context {
			tb.console = append(tb.console, entry)
		}
	}
}

// contexts are the open tabs, as BiDi names them.
func (f *firefox) contexts() []string {
	f.t.Helper()
	var tree struct {
		Contexts []struct {
			Context string `json:"context"`
		} `json:"contexts"`
	}
	f.call("browsingContext.getTree", object{"maxDepth": 0}, &tree)
	var ids []string
	for _, c := range tree.Contexts {
		ids = append(ids, c.Context)
	}
	return ids
}

// chrome evaluates JavaScript with the rights of Firefox's own window.
func (f *firefox) chrome(expression string, out any) error {
	var tree struct {
		Contexts []struct {
			Context string `json:"context"`
			URL     string `json:"url"`
		} `json:"contexts"`
	}
	if err := f.session.call(callTimeout, "browsingContext.getTree", object{"moz:scope": "chrome", "maxDepth": 0}, &tree); err != nil {
		return err
	}
	for _, c := range tree.Contexts {
		if c.URL == "chrome://browser/content/browser.xhtml" {
			return f.evaluate(callTimeout, c.Context, expression, out)
		}
	}
	return errors.New("no window")
}

// evaluate evaluates JavaScript in a context. Values travel as JSON: BiDi's own
// form of them is another one.
func (f *firefox) evaluate(limit time.Duration, context, expression string, out any) error {
	var answer struct {
		Type   string `json:"type"` // success or exception
		Result struct {
			Type  string `json:"type"`
			Value string `json:"value"`
		} `json:"result"`
		ExceptionDetails struct {
			Text string `json:"text"`
		} `json:"exceptionDetails"`
	}
	err := f.session.call(limit, "script.evaluate", object{
		"expression":     "(async () => JSON.stringify(await (" + expression + ")))()",
		"target":         object{"context": context},
		"awaitPromise":   true,
		"userActivation": true,
	}, &answer)
	switch {
	case err != nil:
		return err
	case answer.Type != "success":
		return errors.New(cmp.Or(answer.ExceptionDetails.Text, "the script failed"))
	case out == nil:
		return nil
	case answer.Result.Type != "string":
		return errors.New(answer.Result.Type)
	}
	return json.Unmarshal([]byte(answer.Result.Value), out)
}
