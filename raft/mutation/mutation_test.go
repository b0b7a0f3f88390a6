package main

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func theTree(t *testing.T) *tree {
	t.Helper()
	tree, err := readTree()
	if err != nil {
		t.Skip(err) // without a go command
	}
	return tree
}

// Every patch fits the sources as they are, and every bug has a mutant.
func TestTableFitsTheSources(t *testing.T) {
	tree := theTree(t)
	bugs, err := tree.bugTests()
	if err != nil {
		t.Fatal(err)
	}
	names, covered := map[string]bool{}, map[int]bool{}
	for _, m := range mutants() {
		if _, err := tree.mutated(m); err != nil {
			t.Error(err)
		}
		if key := m.file + m.name; names[key] || m.name == "" || m.rule == "" {
			t.Errorf("%s: %q is there twice, or has no name or rule", m.file, m.name)
		} else {
			names[key] = true
		}
		for _, b := range m.bugs {
			if bugs[b] == nil {
				t.Errorf("%q is said to be bug %d, which is not in the list", m.name, b)
			}
			covered[b] = true
		}
	}
	for b := range bugs {
		if !covered[b] {
			t.Errorf("nothing takes out the guard against bug %d", b)
		}
	}
}

// exported gives what the compiler exported of the packages that raft imports.
func exported(t *testing.T, tree *tree) importer.Lookup {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-export", "-f", "{{.ImportPath}} {{.Export}}", "./raft")
	cmd.Dir = tree.root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if path, file, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			files[path] = file
		}
	}
	return func(path string) (io.ReadCloser, error) { return os.Open(files[path]) }
}

// Every mutant compiles.
func TestMutantsCompile(t *testing.T) {
	tree := theTree(t)
	fset := token.NewFileSet()
	library := importer.ForCompiler(fset, "gc", exported(t, tree))
	files := map[string]*ast.File{}
	parse := func(name, source string) *ast.File {
		f, err := parser.ParseFile(fset, name, source, parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
		}
		return f
	}
	for name, source := range tree.files {
		if !strings.HasSuffix(name, "_test.go") {
			files[name] = parse(name, source)
		}
	}
	check := func(changed string, f *ast.File) error {
		var all []*ast.File
		for name, file := range files {
			if name == changed {
				file = f
			}
			all = append(all, file)
		}
		conf := types.Config{Importer: library}
		_, err := conf.Check("tabraft/raft", fset, all, nil)
		return err
	}
	if err := check("", nil); err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants() {
		source, err := tree.mutated(m)
		if err != nil {
			continue // TestTableFitsTheSources reports it
		}
		if err := check(m.file, parse(m.file, source)); err != nil {
			t.Errorf("%s: %q: %v", m.file, m.name, err)
		}
	}
}

// A mutant is built from the overlay, and its own test notices it.
func TestMutantIsNoticed(t *testing.T) {
	if testing.Short() {
		t.Skip("builds raft's tests")
	}
	tree := theTree(t)
	bugs, err := tree.bugTests()
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLab(tree, bugs, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	for i, m := range mutants() {
		if m.name == "half is a majority" {
			r := l.try(t.Context(), i, m)
			if r.err != nil || r.stage != own || r.by != "TestBug45Majority" || len(r.faults()) > 0 {
				t.Fatalf("%+v", r)
			}
			return
		}
	}
	t.Fatal("it is not in the table")
}

func TestMutatedRefuses(t *testing.T) {
	tree := &tree{files: map[string]string{"a.go": "x x y"}}
	for _, m := range []mutant{
		{file: "b.go", old: "y"}, {file: "a.go", old: "x"}, {file: "a.go", old: "z"}, {file: "a.go", old: "y", new: "y"},
	} {
		if _, err := tree.mutated(m); err == nil {
			t.Errorf("%+v fits", m)
		}
	}
	if s, err := tree.mutated(mutant{file: "a.go", old: "y", new: "z"}); err != nil || s != "x x z" {
		t.Error(s, err)
	}
}

func TestFirstFailure(t *testing.T) {
	for _, test := range []struct{ out, want string }{
		{"--- FAIL: TestA (0.00s)\n    a_test.go:1: x\n--- FAIL: TestB (0.00s)\n", "TestA"},
		{"--- FAIL: TestA (0.00s)\n    --- FAIL: TestA/b (0.00s)\n", "TestA/b"},
		{"--- FAIL: TestRandomHistories (0.00s)\n    x.go:1: seed 17 (-first 17)\n", "TestRandomHistories -first 17"},
		{"panic: test timed out after 1s\n\trunning tests:\n\t\tTestC (1s)\n", "TestC does not end"},
		{"", "exit"},
	} {
		if got := firstFailure(test.out, "exit"); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

func TestTestPattern(t *testing.T) {
	if got := testPattern([]string{"TestA", "TestB"}); got != "^(TestA|TestB)$" {
		t.Error(got)
	}
	if got := testPattern([]string{"TestA", "figure8"}); got != "^(TestA|TestTranscripts)$/^(figure8)$" {
		t.Error(got)
	}
}

// The list of files keeps in step with the package.
func TestEveryFileHasMutants(t *testing.T) {
	tree := theTree(t)
	has := map[string]bool{}
	for _, m := range mutants() {
		has[m.file] = true
	}
	// What has no guards: types, words, and checks of the core's own state.
	for _, name := range []string{"doc.go", "message.go", "status.go", "invariant.go"} {
		has[name] = true
	}
	for name := range tree.files {
		if !strings.HasSuffix(name, "_test.go") && !has[filepath.Base(name)] {
			t.Errorf("nothing mutates %s", name)
		}
	}
}
