package kit

import (
	"fmt"
	"hash/fnv"
	"io/fs"
	"path/filepath"
	"strings"
)

// maxWatched is how many files and folders of a module Stamp looks at.
const maxWatched = 20_000

// Stamp stands for the state of the student's Go files: it changes when one of
// them is written, added or removed. Of a package inside tabraft itself only its own folder
// is looked at.
func (p *Package) Stamp() (uint64, error) {
	root := p.Root
	if p.Import == "tabraft" || strings.HasPrefix(p.Import, "tabraft/") {
		root = p.Dir
	}
	hash := fnv.New64a()
	seen := 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if seen++; seen > maxWatched {
			return filepath.SkipAll
		}
		base := filepath.Base(name)
		switch {
		case err != nil:
			return nil // removed meanwhile: the next look sees it
		case d.IsDir():
			if name != root && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "node_modules" || base == "testdata") {
				return filepath.SkipDir
			}
			return nil
		case filepath.Ext(name) != ".go" && base != "go.mod" || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		if info, err := d.Info(); err == nil {
			fmt.Fprintln(hash, name, info.Size(), info.ModTime().UnixNano())
		}
		return nil
	})
	return hash.Sum64(), err
}
