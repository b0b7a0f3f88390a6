package kit

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Times of Watch.
const (
	// lookEvery is how often the files are looked at.
	lookEvery = 300 * time.Millisecond
	// quietFor is how long they must not have changed before a build: an editor
	// that saves several files is one change.
	quietFor = 300 * time.Millisecond
)

// MaxBuildLines is how many bytes of the compiler's output are kept.
const MaxBuildLines = 64 << 10

// A Build is a program for a page.
type Build struct {
	// Hash names it: digits of the SHA-256 of Wasm.
	Hash string
	// Wasm is the program, Gzip its compressed form.
	Wasm, Gzip []byte
}

// A State is how things stand with a program.
type State struct {
	// Good is the last build that worked, nil if there was none yet.
	Good *Build
	// Before is the one before Good, which pages may still be loading.
	Before *Build
	// Building tells that the files have changed since.
	Building bool
	// Failed is what the compiler, or the go command, says of the files as they are; then
	// Good is older than they are.
	Failed string
}

// A Program is built again whenever the student's files change; the last build that
// worked stays. Its methods may be called from any goroutine.
type Program struct {
	// Compile makes the program at out.
	Compile func(ctx context.Context, out string) error
	// Note is told of each attempt: nil, or what is wrong. May be nil.
	Note func(took time.Duration, err error)

	mu     sync.Mutex
	wanted bool
	built  bool   // something was tried
	stamp  uint64 // of what was tried last
	state  State
}

// Want has the program built from now on.
func (p *Program) Want() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted = true
	if !p.built {
		p.state.Building = true
	}
}

// State tells how things stand.
func (p *Program) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// Watch builds the wanted programs now and after each change of the package's
// files, until ctx ends.
func Watch(ctx context.Context, pkg *Package, programs ...*Program) {
	var stamp uint64
	var since time.Time
	for {
		if now, err := pkg.Stamp(); err == nil && now != stamp {
			stamp, since = now, time.Now()
		}
		if time.Since(since) >= quietFor {
			for _, p := range programs {
				p.update(ctx, stamp)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookEvery):
		}
	}
}

// update builds the program if it is wanted and its files are not those it was
// built of.
func (p *Program) update(ctx context.Context, stamp uint64) {
	p.mu.Lock()
	due := p.wanted && (!p.built || p.stamp != stamp)
	if due {
		p.state.Building = true
	}
	p.mu.Unlock()
	if !due {
		return
	}
	begun := time.Now()
	build, err := p.compile(ctx)
	if ctx.Err() != nil {
		return
	}
	p.mu.Lock()
	p.built, p.stamp = true, stamp
	p.state.Building, p.state.Failed = false, ""
	switch {
	case err != nil:
		p.state.Failed = buildLines(err)
	case p.state.Good == nil || p.state.Good.Hash != build.Hash:
		p.state.Before, p.state.Good = p.state.Good, build
	}
	p.mu.Unlock()
	if p.Note != nil {
		p.Note(time.Since(begun), err)
	}
}

func (p *Program) compile(ctx context.Context) (*Build, error) {
	temp, err := os.MkdirTemp("", "tabraft-lab-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	out := filepath.Join(temp, "lab.wasm")
	if err := p.Compile(ctx, out); err != nil {
		return nil, err
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	if wasm, err = limitMemory(wasm, MaxPages); err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err == nil {
		_, err = w.Write(wasm)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(wasm)
	return &Build{Hash: hex.EncodeToString(sum[:6]), Wasm: wasm, Gzip: packed.Bytes()}, nil
}

// buildLines is what to show of an error.
func buildLines(err error) string {
	text := err.Error()
	var student *BuildError
	if errors.As(err, &student) {
		text = student.Lines
	}
	if n := len(text) - MaxBuildLines; n > 0 {
		text = text[:MaxBuildLines] + "\n(more lines are left out)"
	}
	return text
}
