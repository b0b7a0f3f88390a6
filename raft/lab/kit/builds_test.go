package kit

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A program is built when it is wanted and after each change; what does not compile leaves
// the last good build in place.
func TestWatch(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "raft.go"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	notes := make(chan error, 10)
	p := &Program{
		Compile: func(_ context.Context, out string) error {
			text, err := os.ReadFile(filepath.Join(dir, "raft.go"))
			if err != nil || string(text) == "bad" {
				return errors.Join(err, &BuildError{"raft.go:1: " + strings.Repeat("x", MaxBuildLines)})
			}
			program := "\x00asm\x01\x00\x00\x00" + "\x05\x04\x01\x00\x80\x01" + "\x00" + string(rune(len(text))) + string(text)
			return os.WriteFile(out, []byte(program), 0o644)
		},
		Note: func(_ time.Duration, err error) { notes <- err },
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		Watch(ctx, &Package{Dir: dir, Root: dir, Import: "myraft"}, p)
		close(done)
	}()
	if s := p.State(); s.Good != nil || s.Building {
		t.Errorf("built before it was wanted: %+v", s)
	}
	p.Want()
	if err := <-notes; err != nil {
		t.Fatal(err)
	}
	first := p.State().Good
	write("bad")
	if err := <-notes; err == nil {
		t.Fatal("a package that does not compile was built")
	}
	s := p.State()
	if s.Good != first || !strings.HasPrefix(s.Failed, "raft.go:1: x") || len(s.Failed) > MaxBuildLines+100 {
		t.Errorf("after the failure: good %v, %.50q", s.Good == first, s.Failed)
	}
	write("three")
	if err := <-notes; err != nil {
		t.Fatal(err)
	}
	if s = p.State(); s.Before != first || s.Good == first || s.Failed != "" || s.Building {
		t.Errorf("after the change back: %+v", s)
	}
	cancel()
	<-done
}
