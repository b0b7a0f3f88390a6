package broken

import (
	"fmt"
	"strings"

	"tabraft/raft/lab/suite/rules"
)

// A Bug is a mistake that students make.
type Bug struct {
	// Name says what is wrong, in a few words with dashes between them: it is a
	// package's name in an import path, and a file's.
	Name string
	// Belief is what the student wrote or thought.
	Belief string
	// Patches make the bug of the textbook.
	Patches []Patch
	// Test is the test that has to catch it: "Rejoin2B".
	Test string
	// Rule is what the report has to name, or empty if there is no rule that it
	// could; then the report must contain Says.
	Rule rules.Rule
	Says string
	// Seeds is how many seeds the whole run takes, 0 for DefaultSeeds: a run that
	// stands still takes seconds of real time to be sure.
	Seeds int
}

// DefaultSeeds is how many seeds the whole run takes for a bug.
const DefaultSeeds = 50

// A Patch replaces Old, which is in the file once, by New.
type Patch struct {
	File     string
	Old, New string
}

// Apply returns the file's text with the patch.
func (p Patch) Apply(text string) (string, error) {
	switch n := strings.Count(text, p.Old); {
	case n != 1:
		return "", fmt.Errorf("%s has this text %d times, want once:\n%s", p.File, n, p.Old)
	case p.Old == p.New:
		return "", fmt.Errorf("a patch of %s changes nothing:\n%s", p.File, p.Old)
	}
	return strings.Replace(text, p.Old, p.New, 1), nil
}

// Patch makes the broken Raft: of the textbook's files by name, it returns a new
// set with the patches applied, one after another.
func (b Bug) Patch(textbook map[string]string) (map[string]string, error) {
	files := map[string]string{}
	for name, text := range textbook {
		files[name] = text
	}
	for _, p := range b.Patches {
		text, ok := files[p.File]
		if !ok {
			return nil, fmt.Errorf("%s: the textbook has no file %s", b.Name, p.File)
		}
		text, err := p.Apply(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.Name, err)
		}
		files[p.File] = text
	}
	return files, nil
}

// All returns every bug, in the order of the paper.
func All() []Bug {
	var all []Bug
	for _, group := range [][]Bug{
		termBugs, voteBugs, timerBugs, appendBugs, commitBugs, leaderBugs, persistBugs, applyBugs, snapshotBugs, lockBugs,
	} {
		all = append(all, group...)
	}
	return all
}
