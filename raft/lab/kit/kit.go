// Package kit makes a student's module and builds the program that tests it.
package kit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// A Package is a student's Raft on disk.
type Package struct {
	// Dir is the package's folder, Root the one of its module.
	Dir, Root string
	// Import is its import path, Name the name in its package clause.
	Import, Name string
}

// Find looks at the package in dir. It fails if that is none, or if its module
// does not have tabraft's lab.
func Find(ctx context.Context, dir string) (*Package, error) {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, fmt.Errorf("%s is not a folder", dir)
	}
	out, err := goTool(ctx, dir, nil, "list", "-e", "-json=Dir,ImportPath,Name,Module,Error", ".")
	var failed *toolError
	if errors.As(err, &failed) && strings.Contains(failed.said, "go.mod file not found") {
		return nil, noModule(dir)
	}
	if err != nil {
		return nil, err
	}
	var p struct {
		Dir, ImportPath, Name string
		Module                *struct{ Dir string }
		Error                 *struct{ Err string }
	}
	if err := json.Unmarshal(out, &p); err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	switch {
	case p.Module == nil || p.Module.Dir == "":
		return nil, noModule(dir)
	case p.Name == "":
		why := "it has no Go files"
		if p.Error != nil {
			why = p.Error.Err
		}
		return nil, fmt.Errorf("%s has no package that can be tested: %s", dir, why)
	case p.Name == "main":
		return nil, fmt.Errorf("%s is a program (package main); the lab tests a package with a function Make", dir)
	}
	return &Package{Dir: p.Dir, Root: p.Module.Dir, Import: p.ImportPath, Name: p.Name}, nil
}

func noModule(dir string) error {
	return fmt.Errorf("%s is in no Go module; `tabraft lab new FOLDER` makes one, into which you can put your raft.go", dir)
}

// A BuildError is what the compiler said of a student's package.
type BuildError struct {
	// Lines is the compiler's output, with paths relative to the package.
	Lines string
}

func (e *BuildError) Error() string { return "the package does not compile:\n" + e.Lines }

// Build compiles the package with runner.Main into a program at out, for GOOS=js
// if js is set. An error of the student's is a *BuildError.
func (p *Package) Build(ctx context.Context, out string, js bool) error {
	temp, err := os.MkdirTemp("", "tabraft-lab-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	// The program has to be inside the student's module to import the package, and
	// must not leave a trace there: the build sees it by an overlay.
	source := fmt.Sprintf("package main\n\nimport (\n\t%q\n\tstudent %q\n)\n\nfunc main() { runner.Main(student.Make) }\n",
		"tabraft/raft/lab/runner", p.Import)
	file := filepath.Join(temp, "main.go")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		return err
	}
	const folder = "tabraft_lab_runner"
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(p.Root, folder, "main.go"): file}})
	if err != nil {
		return err
	}
	overlayFile := filepath.Join(temp, "overlay.json")
	if err := os.WriteFile(overlayFile, overlay, 0o600); err != nil {
		return err
	}
	if out, err = filepath.Abs(out); err != nil {
		return err
	}
	args := []string{"build", "-overlay", overlayFile, "-o", out}
	var env []string
	if js {
		env = []string{"GOOS=js", "GOARCH=wasm"}
		args = append(args, "-ldflags=-s -w")
	}
	if _, err := goTool(ctx, p.Root, env, append(args, "./"+folder)...); err != nil {
		var failed *toolError
		if errors.As(err, &failed) && !failed.missing {
			return &BuildError{strings.ReplaceAll(failed.said, file, "the program around it")}
		}
		return err
	}
	return nil
}

// toolError is a go command that failed.
type toolError struct {
	args    []string
	said    string
	missing bool // there is no go command
}

func (e *toolError) Error() string {
	if e.missing {
		return "there is no go command; install Go from https://go.dev/dl"
	}
	return fmt.Sprintf("go %s: %s", strings.Join(e.args, " "), e.said)
}

func goTool(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, "go", args...)
	c.Dir = dir
	c.Env = append(os.Environ(), env...)
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	if err := c.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &toolError{args: args, said: strings.TrimSpace(said.String() + "\n" + out.String()), missing: errors.Is(err, exec.ErrNotFound)}
	}
	return out.Bytes(), nil
}

// moduleName makes a module's name of a folder's.
func moduleName(dir string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r + ('a' - 'A')
		}
		return -1
	}, path.Base(filepath.ToSlash(dir)))
	if name == "" || name == "tabraft" {
		return "myraft"
	}
	return name
}
