package broken

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Textbook and Reference are the names of the Rafts without a bug in the program that
// Build makes.
const (
	Textbook  = "textbook"
	Reference = "reference"
)

const (
	textbookFolder = "raft/lab/textbook"
	// rafts is the folder of the broken Rafts in the source tree as the compiler sees
	// it. On disk there is none.
	rafts = "raft/lab/broken/rafts"
)

// Sources returns the textbook's files by name, without tests. root is the folder of
// the module tabraft.
func Sources(root string) (map[string]string, error) {
	names, err := filepath.Glob(filepath.Join(root, textbookFolder, "*.go"))
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		files[filepath.Base(name)] = string(text)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there is no textbook in %s", root)
	}
	return files, nil
}

// Build compiles one program of package runner with all these Rafts and the two that
// have no bug, and returns, by name, the path under which to start it for each. They are in dir,
// which must exist. root is the folder of the module tabraft.
func Build(ctx context.Context, root, dir string, bugs []Bug) (map[string]string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	textbook, err := Sources(root)
	if err != nil {
		return nil, err
	}
	replace := map[string]string{}
	add := func(folder, name, text string) error {
		file := filepath.Join(dir, "source", folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		replace[filepath.Join(root, rafts, folder, name)] = file
		return os.WriteFile(file, []byte(text), 0o644)
	}
	names := []string{Textbook, Reference}
	for _, b := range bugs {
		files, err := b.Patch(textbook)
		if err != nil {
			return nil, err
		}
		for name, text := range files {
			if err := add(b.Name, name, text); err != nil {
				return nil, err
			}
		}
		names = append(names, b.Name)
	}
	if err := add("", "main.go", program(bugs)); err != nil {
		return nil, err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return nil, err
	}
	overlayFile := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlayFile, overlay, 0o644); err != nil {
		return nil, err
	}
	out := filepath.Join(dir, "rafts")
	build := exec.CommandContext(ctx, "go", "build", "-overlay", overlayFile, "-o", out, "./"+rafts)
	build.Dir = root
	if said, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("the broken Rafts do not compile: %w\n%s", err, said)
	}
	paths := map[string]string{}
	for _, name := range names {
		paths[name] = filepath.Join(dir, "test-"+name)
		if err := os.Link(out, paths[name]); err != nil {
			return nil, err
		}
	}
	return paths, nil
}

// program returns the source of the program.
func program(bugs []Bug) string {
	var imports, makes strings.Builder
	for i, b := range bugs {
		fmt.Fprintf(&imports, "\tb%d %q\n", i, "tabraft/"+rafts+"/"+b.Name)
		fmt.Fprintf(&makes, "\t%q: b%d.Make,\n", b.Name, i)
	}
	return fmt.Sprintf(`package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"tabraft/raft/lab/reference"
	"tabraft/raft/lab/runner"
	"tabraft/raft/lab/textbook"
%s)

var makes = map[string]any{
	%q: reference.Make,
	%q: textbook.Make,
%s}

func main() {
	name := strings.TrimPrefix(filepath.Base(os.Args[0]), "test-")
	if makes[name] == nil {
		fmt.Fprintf(os.Stderr, "there is no Raft %%q\n", name)
		os.Exit(runner.Misused)
	}
	runner.Main(makes[name])
}
`, imports.String(), Reference, Textbook, makes.String())
}
