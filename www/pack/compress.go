package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
)

const (
	fastBrotli = 5
	bestBrotli = brotli.BestCompression
	// brotliWindow is the largest window that browsers must accept: 16 MiB,
	// more than any of our files.
	brotliWindow = 24
)

// compressor makes one form of a file.
type compressor struct {
	suffix string
	level  int
	encode func(raw []byte, level int) ([]byte, error)
}

func compressors(fast bool) []compressor {
	level := bestBrotli
	if fast {
		level = fastBrotli
	}
	return []compressor{{".gz", gzip.BestCompression, encodeGzip}, {".br", level, encodeBrotli}}
}

// encodeGzip writes no name and no time, so that the output depends on the
// input only.
func encodeGzip(raw []byte, level int) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(raw); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func encodeBrotli(raw []byte, level int) ([]byte, error) {
	var b bytes.Buffer
	w := brotli.NewWriterOptions(&b, brotli.WriterOptions{Quality: level, LGWin: brotliWindow})
	if _, err := w.Write(raw); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// compressAll fills in the packed forms of every piece, each form in its own
// goroutine: there are two per file and few files.
func compressAll(pieces []*piece, cache string, fast bool) error {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	var (
		group sync.WaitGroup
		mu    sync.Mutex // guards the packed maps and fail
		fail  error
	)
	for _, p := range pieces {
		p.packed = make(map[string][]byte)
		for _, c := range compressors(fast) {
			group.Go(func() {
				body, err := c.cached(cache, p)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					fail = errors.Join(fail, fmt.Errorf("%s%s: %w", p.source, c.suffix, err))
				} else if len(body) < len(p.raw) {
					p.packed[c.suffix] = body
				}
			})
		}
	}
	group.Wait()
	return fail
}

// cacheKey begins the names of a piece's forms in the cache.
func cacheKey(p *piece) string {
	sum := sha256.Sum256(p.raw)
	return hex.EncodeToString(sum[:])
}

// prune removes from the cache what belongs to none of the pieces, such as the
// forms of yesterday's wasm.
func prune(cache string, pieces []*piece) error {
	current := make(map[string]bool)
	for _, p := range pieces {
		current[cacheKey(p)] = true
	}
	entries, err := os.ReadDir(cache)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		key, _, _ := strings.Cut(entry.Name(), "-")
		if current[key] || len(key) != 2*sha256.Size {
			continue // in use, or not one of ours
		}
		if err := os.Remove(filepath.Join(cache, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// cached compresses a piece unless an earlier run did.
func (c compressor) cached(cache string, p *piece) ([]byte, error) {
	name := filepath.Join(cache, fmt.Sprintf("%s-%d%s", cacheKey(p), c.level, c.suffix))
	if body, err := os.ReadFile(name); err == nil {
		return body, nil
	}
	body, err := c.encode(p.raw, c.level)
	if err != nil {
		return nil, err
	}
	// Written aside and renamed, so that a run cut short leaves no half file.
	partial := name + ".partial"
	if err := os.WriteFile(partial, body, 0o644); err != nil {
		return nil, err
	}
	return body, os.Rename(partial, name)
}
