package kit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tabraft/raft/lab"
)

// libraryFolder is where a student's module keeps its copy of the lab's packages.
const libraryFolder = "tabraft"

// ErrNotEmpty: New never writes into a folder that has something in it.
var ErrNotEmpty = errors.New("the folder is not empty")

// New makes a module in dir, which must be empty or not exist: the skeleton, and
// a copy of the packages that it needs, so that it builds without this repository
// and without a network.
func New(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if found, err := os.ReadDir(dir); err == nil && len(found) > 0 {
		return fmt.Errorf("%s: %w", dir, ErrNotEmpty)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	files := map[string]string{
		"go.mod": "module " + moduleName(dir) + "\n\ngo 1.26\n\nrequire tabraft v0.0.0\n\n" +
			"// The lab's packages come with this folder.\nreplace tabraft => ./" + libraryFolder + "\n",
		libraryFolder + "/go.mod": "module tabraft\n\ngo 1.26\n",
		libraryFolder + "/README": "The packages of tabraft's Raft lab that your Raft is tested with.\n" +
			"Leave them as they are: your grade comes from others like them.\n",
	}
	err = fs.WalkDir(lab.Sources, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		to, copied := placeOf(name)
		if !copied {
			return nil
		}
		content, err := lab.Sources.ReadFile(name)
		files[to] = string(content)
		return err
	})
	if err != nil {
		return err
	}
	for name, content := range files {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// placeOf tells where a file of lab.Sources goes in a student's module.
func placeOf(name string) (to string, copied bool) {
	folder, file, _ := strings.Cut(name, "/")
	if folder == "skeleton" {
		return file, file != "embed.go" && file != "skeleton_test.go"
	}
	return libraryFolder + "/raft/lab/" + name,
		strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") && !strings.Contains(name, "/testdata/")
}
