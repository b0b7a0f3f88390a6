package kit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// roomPackage is what a tab of a room runs around the student's Raft, below the
// repository.
const roomPackage = "wasm/labroom"

// FindRepository returns tabraft's source folder, which contains dir.
func FindRepository(ctx context.Context, dir string) (string, error) {
	none := errors.New("running a Raft in tabs needs tabraft's source folder: start tabraft lab serve there")
	out, err := goTool(ctx, dir, nil, "list", "-m", "-json=Path,Dir")
	var m struct{ Path, Dir string }
	switch {
	case err != nil || json.Unmarshal(out, &m) != nil || m.Path != "tabraft":
		return "", none
	}
	if _, err := os.Stat(filepath.Join(m.Dir, filepath.FromSlash(roomPackage))); err != nil {
		return "", none
	}
	return m.Dir, nil
}

// BuildRoom compiles the program of a room's tab with the package: inside
// tabraft's own module in the folder repo, since it needs more of it than a student's
// module has. So the student's imports of tabraft mean the repository's packages,
// and the versions of what both use are the repository's. An error of the student's is
// a *BuildError.
func (p *Package) BuildRoom(ctx context.Context, repo, out string) error {
	temp, err := os.MkdirTemp("", "tabraft-room-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	source := fmt.Sprintf("package main\n\nimport (\n\t%q\n\tstudent %q\n)\n\nfunc main() { labroom.Main(student.Make) }\n",
		"tabraft/"+roomPackage, p.Import)
	file := filepath.Join(temp, "main.go")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		return err
	}
	const folder = "tabraft_lab_room"
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(repo, folder, "main.go"): file}})
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
	args := []string{"build", "-overlay", overlayFile, "-ldflags=-s -w", "-o", out}
	if !strings.HasPrefix(p.Import, "tabraft/") {
		modfile, err := p.requireIn(ctx, repo, temp)
		if err != nil {
			return err
		}
		args = append(args, "-mod=mod", "-modfile", modfile)
	}
	if _, err := goTool(ctx, repo, []string{"GOOS=js", "GOARCH=wasm"}, append(args, "./"+folder)...); err != nil {
		var failed *toolError
		if errors.As(err, &failed) && !failed.missing {
			return &BuildError{strings.ReplaceAll(failed.said, file, "the program around it")}
		}
		return err
	}
	return nil
}

// requireIn makes, in the folder temp, a copy of the repository's go.mod which also has
// the student's module.
func (p *Package) requireIn(ctx context.Context, repo, temp string) (string, error) {
	out, err := goTool(ctx, p.Root, nil, "list", "-m")
	if err != nil {
		return "", err
	}
	name := strings.TrimSpace(string(out))
	mod, err := os.ReadFile(filepath.Join(repo, "go.mod"))
	if err != nil {
		return "", err
	}
	mod = fmt.Appendf(mod, "\nrequire %[1]s v0.0.0\n\nreplace %[1]s v0.0.0 => %[2]q\n", name, p.Root)
	modfile := filepath.Join(temp, "go.mod")
	if err := os.WriteFile(modfile, mod, 0o600); err != nil {
		return "", err
	}
	sum, err := os.ReadFile(filepath.Join(repo, "go.sum"))
	if err != nil {
		return "", err
	}
	if more, err := os.ReadFile(filepath.Join(p.Root, "go.sum")); err == nil {
		sum = append(sum, more...)
	}
	return modfile, os.WriteFile(filepath.Join(temp, "go.sum"), sum, 0o600)
}
