//go:build !js

package forms

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A form says how a year's Raft differs from the textbook.
type form struct {
	// edits are pairs of old and new text, the first of which each must be there.
	edits []string
	// ours are the project's paths for the course's.
	ours []string
	// own tells that persister.go belongs to the student's package.
	own bool
}

var forms = map[string]form{
	"2021": {
		edits: []string{
			`rf.persister.Save(`, `rf.persister.SaveStateAndSnapshot(`,
			`// Snapshot is called by the service:`, condInstall + `// Snapshot is called by the service:`,
			// There is no PersistBytes yet.
			`func (rf *Raft) PersistBytes() int { return rf.persister.RaftStateSize() }`, ``,
			`"tabraft/raft/lab/labrpc"`, `"6.824/labrpc"`,
			`"tabraft/raft/lab/labgob"`, `"6.824/labgob"`,
		},
		ours: []string{`"6.824/labrpc"`, `"tabraft/raft/lab/labrpc"`, `"6.824/labgob"`, `"tabraft/raft/lab/labgob"`},
		own:  true,
	},
	"2023": {
		edits: []string{
			`"tabraft/raft/lab/labrpc"`, `"6.5840/labrpc"`,
			`"tabraft/raft/lab/labgob"`, `"6.5840/labgob"`,
		},
		ours: []string{`"6.5840/labrpc"`, `"tabraft/raft/lab/labrpc"`, `"6.5840/labgob"`, `"tabraft/raft/lab/labgob"`},
		own:  true,
	},
	"2025": {
		edits: []string{
			"type ApplyMsg struct", "type oldApplyMsg struct",
			"chan ApplyMsg) *Raft {", "chan raftapi.ApplyMsg) raftapi.Raft {",
			"persister *Persister", "persister *tester.Persister",
			"chan ApplyMsg", "chan raftapi.ApplyMsg",
			"*ApplyMsg", "*raftapi.ApplyMsg",
			"[]ApplyMsg", "[]raftapi.ApplyMsg",
			" ApplyMsg{", " raftapi.ApplyMsg{",
			"&ApplyMsg{", "&raftapi.ApplyMsg{",
			`"tabraft/raft/lab/labrpc"`, "\"6.5840/labrpc\"\n\t\"6.5840/raftapi\"\n\ttester \"6.5840/tester1\"",
			"package raft\n\n// applier", "package raft\n\nimport \"6.5840/raftapi\"\n\n// applier",
			"package raft\n\n// InstallSnapshotArgs", "package raft\n\nimport \"6.5840/raftapi\"\n\n// InstallSnapshotArgs",
			`"tabraft/raft/lab/labgob"`, `"6.5840/labgob"`,
		},
		ours: []string{
			`"6.5840/labrpc"`, `"tabraft/raft/lab/labrpc"`, `"6.5840/labgob"`, `"tabraft/raft/lab/labgob"`,
			`"6.5840/raftapi"`, `"tabraft/raft/lab/raftapi"`, `"6.5840/tester1"`, `"tabraft/raft/lab/tester"`,
		},
	},
}

const condInstall = `// CondInstallSnapshot has nothing to refuse.
func (rf *Raft) CondInstallSnapshot(lastIncludedTerm int, lastIncludedIndex int, snapshot []byte) bool {
	return true
}

`

const suiteTest = `package raft

import (
	"testing"

	"tabraft/raft/lab/suite"
)

func TestInitialElection2A(t *testing.T)      { suite.Test(t, Make) }
func TestBasicAgree2B(t *testing.T)           { suite.Test(t, Make) }
func TestPersist12C(t *testing.T)             { suite.Test(t, Make) }
func TestSnapshotInstallCrash2D(t *testing.T) { suite.Test(t, Make) }
`

func TestForms(t *testing.T) {
	lab, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(lab, "textbook", "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no textbook: %v", err)
	}
	for year, f := range forms {
		t.Run(year, func(t *testing.T) {
			t.Parallel()
			student := map[string]string{"raft_test.go": suiteTest}
			used := map[string]bool{}
			for _, file := range files {
				name := filepath.Base(file)
				if strings.HasSuffix(name, "_test.go") || name == "persister.go" && !f.own {
					continue
				}
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				student[name] = f.write(string(text), used)
			}
			for i := 0; i < len(f.edits); i += 2 {
				if !used[f.edits[i]] {
					t.Errorf("the textbook has no %q any more", f.edits[i])
				}
			}
			run(t, lab, "form"+year, student)
		})
	}
}

// write makes a file of the year's form, and then changes its import paths.
func (f form) write(text string, used map[string]bool) string {
	text = strings.ReplaceAll(text, "package textbook\n", "package raft\n")
	for i := 0; i < len(f.edits); i += 2 {
		if strings.Contains(text, f.edits[i]) {
			used[f.edits[i]] = true
			text = strings.ReplaceAll(text, f.edits[i], f.edits[i+1])
		}
	}
	return strings.NewReplacer(f.ours...).Replace(text)
}

// run tests a package that exists in an overlay only.
func run(t *testing.T, lab, name string, files map[string]string) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command")
	}
	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	pkg := filepath.Join(lab, "internal", "forms", name)
	for file, text := range files {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[filepath.Join(pkg, file)] = path
	}
	data, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, data, 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, name+".test")
	build := exec.Command("go", "test", "-c", "-vet=off", "-overlay", list, "-o", program, "./internal/forms/"+name)
	build.Dir = lab
	test := exec.Command(program, "-test.timeout", "120s")
	test.Dir = dir
	for _, cmd := range []*exec.Cmd{build, test} {
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out)
		}
	}
}
