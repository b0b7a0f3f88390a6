// Command pack turns the built parts of the page into www/dist, the tree that
// package www embeds.
//
//	go run ./www/pack [-fast] [-html FILE,...] [-out DIR] [-cache DIR] FILE...
//
// Each FILE becomes assets/NAME-HASH.EXT, where HASH is the start of the
// SHA-256 of its content, with a .gz and a .br form beside it where that is
// smaller. An HTML file is a template in which
//
//	{{asset "main.js"}}   is the address of that file
//	{{size "tab.wasm"}}   is its size in bytes, uncompressed
//
// and is written last, under its own name at the top. What an earlier run wrote is removed
// first. The same input gives the same output, byte for byte.
//
// Brotli at its best level takes some 15 s for the wasm; -fast uses a quick
// level, for work on the page. Compressed forms are kept in the cache folder
// under the hash of their input, so that only what changed is compressed.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"strings"
)

// hashDigits is how much of the SHA-256 goes into a name: 48 bits.
const hashDigits = 12

// piece is one file of the page in all its forms.
type piece struct {
	source string // base name of the input, "tab.wasm"
	target string // path below the output folder, "assets/tab-0123456789ab.wasm"
	raw    []byte
	packed map[string][]byte // by suffix
}

func main() {
	fast := flag.Bool("fast", false, "compress quickly rather than well")
	html := flag.String("html", "www/src/index.html", "the pages' templates, separated by commas")
	out := flag.String("out", "www/dist", "folder to write")
	cache := flag.String("cache", "build/pack", "folder that keeps compressed forms between runs")
	flag.Parse()
	if err := run(*html, *out, *cache, *fast, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func run(html, out, cache string, fast bool, inputs []string) error {
	pieces := make([]*piece, 0, len(inputs)+1)
	for _, input := range inputs {
		p, err := readPiece(input)
		if err != nil {
			return err
		}
		pieces = append(pieces, p)
	}
	var pages []*piece
	for name := range strings.SplitSeq(html, ",") {
		page, err := renderPage(name, pieces)
		if err != nil {
			return err
		}
		pages = append(pages, page)
	}
	pieces = append(pieces, pages...)
	fmt.Printf("packing %d files into %s\n", len(pieces), out)
	if err := compressAll(pieces, cache, fast); err != nil {
		return err
	}
	if err := prune(cache, pieces); err != nil {
		return err
	}
	if err := empty(out, pages); err != nil {
		return err
	}
	for _, p := range pieces {
		if err := p.write(out); err != nil {
			return err
		}
	}
	fmt.Print(sizes(pieces))
	return nil
}

func readPiece(input string) (*piece, error) {
	raw, err := os.ReadFile(input)
	if err != nil {
		return nil, fmt.Errorf("%w (is it built?)", err)
	}
	base := filepath.Base(input)
	ext := filepath.Ext(base)
	sum := sha256.Sum256(raw)
	name := strings.TrimSuffix(base, ext) + "-" + hex.EncodeToString(sum[:])[:hashDigits] + ext
	return &piece{source: base, target: "assets/" + name, raw: raw}, nil
}

// renderPage fills in the template. Naming a file that was not given fails.
func renderPage(html string, pieces []*piece) (*piece, error) {
	find := func(name string) (*piece, error) {
		for _, p := range pieces {
			if p.source == name {
				return p, nil
			}
		}
		return nil, fmt.Errorf("%s names %q, which is not among the files given", html, name)
	}
	text, err := os.ReadFile(html)
	if err != nil {
		return nil, err
	}
	parsed, err := template.New(filepath.Base(html)).Funcs(template.FuncMap{
		"asset": func(name string) (string, error) {
			p, err := find(name)
			if err != nil {
				return "", err
			}
			return "/" + p.target, nil
		},
		"size": func(name string) (int, error) {
			p, err := find(name)
			if err != nil {
				return 0, err
			}
			return len(p.raw), nil
		},
	}).Parse(string(text))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := parsed.Execute(&b, nil); err != nil {
		return nil, err
	}
	return &piece{source: filepath.Base(html), target: filepath.Base(html), raw: b.Bytes()}, nil
}

// empty makes the folder and removes from it what an earlier run wrote, and
// nothing else: the folder may be the wrong one.
func empty(folder string, pages []*piece) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	names := []string{"assets"}
	for _, p := range pages {
		names = append(names, p.target, p.target+".gz", p.target+".br")
	}
	for _, name := range names {
		if err := os.RemoveAll(filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	return nil
}

func (p *piece) write(out string) error {
	name := filepath.Join(out, filepath.FromSlash(p.target))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	for suffix, body := range p.packed {
		if err := os.WriteFile(name+suffix, body, 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(name, p.raw, 0o644)
}

// sizes is the table of bytes that pack prints.
func sizes(pieces []*piece) string {
	var b strings.Builder
	var total [3]int
	line := func(name string, n [3]int) {
		fmt.Fprintf(&b, "  %-28s %12s %12s %12s\n", name, thousands(n[0]), thousands(n[1]), thousands(n[2]))
	}
	fmt.Fprintf(&b, "  %-28s %12s %12s %12s\n", "bytes", "raw", "gzip", "brotli")
	for _, p := range pieces {
		n := [3]int{len(p.raw), p.sent(".gz"), p.sent(".br")}
		for i := range n {
			total[i] += n[i]
		}
		line(p.source, n)
	}
	line("all", total)
	return b.String()
}

// sent is how many bytes go to a client that accepts this form.
func (p *piece) sent(suffix string) int {
	if body, ok := p.packed[suffix]; ok {
		return len(body)
	}
	return len(p.raw)
}

// thousands writes 1234567 as 1,234,567.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
