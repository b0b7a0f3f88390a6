package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// tree is the package raft as it was read at the start, tests included.
type tree struct {
	root  string            // of the module
	files map[string]string // by name
}

func (t *tree) dir() string { return filepath.Join(t.root, "raft") }

// readTree reads the package raft of the module that the program is run in.
func readTree() (*tree, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOMOD: %w", err)
	}
	t := &tree{root: filepath.Dir(string(bytes.TrimSpace(out))), files: map[string]string{}}
	names, err := filepath.Glob(filepath.Join(t.dir(), "*.go"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		source, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		t.files[filepath.Base(name)] = string(source)
	}
	if len(t.files) == 0 {
		return nil, fmt.Errorf("no package in %s", t.dir())
	}
	return t, nil
}

// mutated gives the file of a mutant.
func (t *tree) mutated(m mutant) (string, error) {
	source, ok := t.files[m.file]
	switch n := strings.Count(source, m.old); {
	case !ok:
		return "", fmt.Errorf("%q: there is no file %s", m.name, m.file)
	case n != 1:
		return "", fmt.Errorf("%q: %s has its text %d times, want once:\n%s", m.name, m.file, n, m.old)
	case m.old == m.new:
		return "", fmt.Errorf("%q changes nothing", m.name)
	}
	return strings.Replace(source, m.old, m.new, 1), nil
}

// bugTests reads the table of bugs: by number, the tests of each.
func (t *tree) bugTests() (map[int][]string, error) {
	const file = "bugs_doc_test.go"
	f, err := parser.ParseFile(token.NewFileSet(), file, t.files[file], 0)
	if err != nil {
		return nil, err
	}
	tests := map[int][]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		row, ok := n.(*ast.CompositeLit)
		if !ok || row.Type != nil || len(row.Elts) != 4 {
			return true
		}
		number, err1 := literal(row.Elts[0])
		names, err2 := literal(row.Elts[2])
		if n, err := strconv.Atoi(number); err == nil && err1 == nil && err2 == nil {
			tests[n] = strings.Fields(names)
		}
		return false
	})
	if len(tests) == 0 {
		return nil, fmt.Errorf("%s has no table of bugs", file)
	}
	return tests, nil
}

// literal gives the value of a number or string in the source.
func literal(e ast.Expr) (string, error) {
	lit, ok := e.(*ast.BasicLit)
	if !ok {
		return "", fmt.Errorf("not a literal")
	}
	if lit.Kind == token.STRING {
		return strconv.Unquote(lit.Value)
	}
	return lit.Value, nil
}

// testPattern is the value for -test.run that picks these tests; names that
// are no functions are transcripts.
func testPattern(names []string) string {
	var functions, transcripts []string
	for _, name := range names {
		if strings.HasPrefix(name, "Test") {
			functions = append(functions, name)
		} else {
			transcripts = append(transcripts, name)
		}
	}
	if len(transcripts) == 0 {
		return "^(" + strings.Join(functions, "|") + ")$"
	}
	functions = append(functions, "TestTranscripts")
	return "^(" + strings.Join(functions, "|") + ")$/^(" + strings.Join(transcripts, "|") + ")$"
}
