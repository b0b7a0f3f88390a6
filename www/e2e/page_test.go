package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp/kb"
)

// A normal run leaves nothing on the console: no error, no warning, and no
// breach of the content security policy.
func TestQuietConsole(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	r.fill(tabs[0], "k", 10)
	tabs[2].reload()
	r.waitCluster(3, tabs...)
	leader := r.waitCluster(3, tabs...)
	leader.close()
	left := except(tabs, leader)
	r.waitCluster(3, left...)
	r.put(left[0], "after", "yes")
	for _, tb := range tabs {
		for _, m := range tb.messages() {
			switch {
			case m.IsException(), m.Type == "error", m.Type == "warning", m.Type == "assert":
				t.Errorf("%v, %s: %s", tb, m.Type, m.Text)
			default:
				t.Logf("%v, %s: %s", tb, m.Type, m.Text)
			}
		}
	}
}

// The policy is there and strict: a script that is not the page's own does not run.
func TestContentPolicy(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tb := r.openTabs(1)[0]
	var ran bool
	tb.eval(`(() => {
		const s = document.createElement("script");
		s.textContent = "window.stranger = true";
		document.body.append(s);
		return window.stranger === true;
	})()`, &ran)
	if ran {
		t.Error("an inline script ran")
	}
}

// Commands asked of a program that ends are rejected, then and later; they used to wait
// for ever. A page that takes no answers ends its program.
func TestCommandsOfAnEndedProgramAreRejected(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tb := r.openTabs(1)[0]
	r.waitCluster(1, tb)
	var codes []string
	tb.eval(`(async () => {
		const code = (command) => command.then(() => "answered", (e) => e.code);
		JSON.parse = () => { throw new Error("the page's own fault"); };
		return [await code(tabraft.put("k", "v")), await code(tabraft.put("k", "v")), await code(tabraft.get("k"))];
	})()`, &codes)
	if got := strings.Join(codes, " "); got != "stopped stopped stopped" {
		t.Error(got)
	}
}

// The console line, by keyboard alone.
func TestKeyboard(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tb := r.openTabs(1)[0]
	tb.front()
	tb.press("/")
	waitFor(t, "the console line to have the focus", spreadTimeout, func() error {
		var focused bool
		if err := tb.tryEval("document.activeElement instanceof HTMLInputElement", &focused); err != nil || !focused {
			return fmt.Errorf("it has not (%v)", err)
		}
		return nil
	})
	tb.press("put colour green")
	tb.press(kb.Enter)
	r.acked["colour"] = "green"
	r.waitAcked(tb)
	tb.press("get colour")
	tb.press(kb.Enter)
	waitText(t, tb, answers, `colour = "green"`, spreadTimeout)
	tb.press(kb.ArrowUp + kb.ArrowUp)
	var line string
	tb.eval("document.activeElement.value", &line)
	if line != "put colour green" {
		t.Errorf("two lines back in the history is %q", line)
	}
	tb.press(strings.Repeat(kb.Backspace, len("green")) + "blue" + kb.Enter)
	r.acked["colour"] = "blue"
	r.waitAcked(tb)
	tb.press("nonsense")
	tb.press(kb.Enter)
	waitText(t, tb, answers, "help", spreadTimeout)
}

// Text from others is text: it shows as it is.
func TestTextIsText(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(2)
	const markup = `<img src=x onerror="window.stranger=1">`
	r.put(tabs[0], markup, markup)
	r.waitAcked(tabs...)
	for _, tb := range tabs {
		tb.front()
		waitText(t, tb, theMap, markup, spreadTimeout)
		var harmed bool
		tb.eval(`window.stranger !== undefined || document.querySelector("img[src=x]") !== null`, &harmed)
		if harmed {
			t.Errorf("%v took text for HTML", tb)
		}
	}
}

// views are what the page is looked at with.
var views = []struct {
	name          string
	width, height int64
	scheme        string
}{
	{"phone light", 360, 740, "light"},
	{"phone dark", 360, 740, "dark"},
	{"laptop light", 1280, 800, "light"},
	{"laptop dark", 1280, 800, "dark"},
	{"projector", 1920, 1080, "light"},
}

// Nothing sticks out at any width, in the states a lesson goes through.
func TestLayout(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	r.put(tabs[0], strings.Repeat("long", 60), strings.Repeat("value", 60))
	r.fill(tabs[0], "k", 30)
	r.waitAcked(tabs...)
	tb := tabs[2]
	tb.front()
	look := func(state string) {
		for _, v := range views {
			tb.view(v.width, v.height, v.scheme)
			wantInside(t, tb, state+" "+v.name, v.width, tb.screenshot)
		}
	}
	look("three servers")
	tabs[0].close()
	tabs[1].close()
	waitText(t, tb, notice, "1 of 3 servers", spreadTimeout)
	look("no quorum")
	tb.eval("tabraft.crash()", nil)
	waitText(t, tb, notice, "restart", spreadTimeout)
	look("crashed")
}

// wantInside wants nothing to stick out of a page that is so wide, and keeps a
// picture of it if asked to.
func wantInside(t *testing.T, tb anyTab, what string, width int64, screenshot func() ([]byte, error)) {
	t.Helper()
	var over struct {
		Width int64    `json:"width"`
		Out   []string `json:"out"`
	}
	tb.eval(`new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done({
		width: document.documentElement.scrollWidth,
		out: [...document.querySelectorAll("body *")]
			.filter((e) => e.getBoundingClientRect().right > innerWidth + 1)
			.slice(0, 5).map((e) => e.tagName + "." + e.getAttribute("class")),
	}))))`, &over)
	if over.Width > width {
		t.Errorf("%s: the page is %d wide, sticking out: %v", what, over.Width, over.Out)
	}
	if os.Getenv("TABRAFT_LOOK") != "" {
		picture, err := screenshot()
		if err != nil {
			t.Fatal(err)
		}
		keep(t, strings.ReplaceAll(what+".png", " ", "-"), picture)
	}
}

// view sets the size of the tab's page and the colour scheme it is asked for.
func (tb *tab) view(width, height int64, scheme string) {
	tb.browser.t.Helper()
	mustCall(tb, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1})
	mustCall(tb, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}

// TestScreenshot makes the README's picture: three servers, a leader, commands.
func TestScreenshot(t *testing.T) {
	path := os.Getenv("TABRAFT_SHOT")
	if path == "" {
		t.Skip("make screenshot makes the picture")
	}
	const most = 150_000 // bytes
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	leader := r.waitCluster(3, tabs...)
	tb := except(tabs, leader)[0]
	tb.front()
	tb.view(1280, 800, "light")
	tb.eval(`document.querySelector("tabraft-welcome button:last-of-type")?.click()`, nil)
	tb.press("/")
	for _, c := range []struct{ line, answer string }{
		{"put colour green", `colour = "green"`},
		{"put shape circle", `shape = "circle"`},
		{"cas colour green blue", `colour = "blue"`},
	} {
		tb.press(c.line + kb.Enter)
		waitText(t, tb, answers, c.answer, spreadTimeout)
	}
	r.acked["colour"] = "blue"
	r.waitAcked(tabs...)
	waitText(t, tb, theMap, "blue", spreadTimeout)
	picture, err := tb.screenshot()
	if err != nil {
		t.Fatal(err)
	}
	if picture, err = smallPNG(picture); err != nil {
		t.Fatal(err)
	}
	if len(picture) > most {
		t.Errorf("the picture has %d bytes, more than %d", len(picture), most)
	}
	if err := os.WriteFile(path, picture, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s, %d bytes", path, len(picture))
}
