package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	// pollEvery is how often a condition is looked at again.
	pollEvery = 50 * time.Millisecond
	// loadTimeout bounds the loading of a page and the start of its program,
	// on a busy machine.
	loadTimeout = 2 * time.Minute
)

// waitFor looks until condition returns nil and tells how long that took. A
// condition's error says what is missing; past the limit the last one fails
// the test.
func waitFor(t testing.TB, what string, limit time.Duration, condition func() error) time.Duration {
	t.Helper()
	start := time.Now()
	for {
		err := condition()
		took := time.Since(start)
		if err == nil {
			return took
		}
		if took > limit {
			t.Fatalf("waited %v for %s: %v", limit, what, err)
		}
		time.Sleep(pollEvery)
	}
}

// Parts of the page that tests read.
const (
	// notice says what is wrong and what to do about it.
	notice = "tabraft-banner"
	// answers are those of the console line.
	answers = "tabraft-console"
	// theMap are the keys and values.
	theMap = "tabraft-map"
)

// waitText waits until a part of a tab's page shows a text, whatever its case,
// and returns all that the part shows.
func waitText(t testing.TB, tb anyTab, part, words string, limit time.Duration) string {
	t.Helper()
	var text string
	waitFor(t, fmt.Sprintf("%v to show %q in %s", tb, words, part), limit, func() (err error) {
		text, err = tb.text(part)
		if err == nil && !contains(text, words) {
			err = fmt.Errorf("it shows:\n%s", text)
		}
		return err
	})
	return text
}

// contains looks for a text whatever its case.
func contains(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}
