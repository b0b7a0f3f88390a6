package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"tabraft/raft/lab/kit"
)

const labServeAbout = `Serve a page that runs the tests of the lab in Workers, and your Raft across tabs.
It builds your package again whenever one of its files changes.

FOLDER is your package; without it, the textbook Raft of tabraft's own source folder is served.`

// labServe is `tabraft lab serve`.
func labServe(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := serveOptions{page: "lab/", todo: "to run the tests"}
	flags := newFlags("lab serve", labServeAbout)
	flags.StringVar(&o.addr, "addr", defaultAddr, "`host:port` to listen on; without a host on all addresses, port 0 takes a free one")
	flags.Var(&o.ice, "ice", "`server` for tabs that do not see each other directly, as tabraft serve takes it")
	flags.Var(&o.logs, "log", "`format` of the log on standard error, text or json (default text)")
	flags.BoolVar(&o.verbose, "v", false, "log more")
	dir, status, ok := parseFolderOr(flags, textbook, args, stdout, stderr)
	if !ok {
		return status
	}
	fail := func(err error) int {
		fmt.Fprintf(stderr, "tabraft lab serve: %v\n", err)
		return exitFailed
	}
	repo, repoErr := findRepository(ctx)
	if dir == textbook {
		if repoErr != nil {
			return fail(fmt.Errorf("name the folder of your Raft, as in tabraft lab serve ./myraft; the textbook Raft is only served from tabraft's own source folder"))
		}
		dir = filepath.Join(repo, filepath.FromSlash(textbook))
	}
	pkg, err := kit.Find(ctx, dir)
	if err != nil {
		return fail(err)
	}
	l, err := newLabPage(ctx, pkg, repo, repoErr, &lineWriter{w: stderr})
	if err != nil {
		return fail(err)
	}
	o.mount = l.mount
	l.suite.Want() // before somebody asks
	watching, stop := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { kit.Watch(watching, pkg, &l.suite, &l.room) })
	defer done.Wait()
	defer stop()
	if err := listenAndServe(ctx, o, stdout, stderr); err != nil {
		return fail(err)
	}
	return exitOK
}

// findRepository looks for tabraft's source folder around the working folder,
// and then around the program, which make puts into it.
func findRepository(ctx context.Context) (string, error) {
	repo, err := kit.FindRepository(ctx, ".")
	if err == nil {
		return repo, nil
	}
	program, programErr := os.Executable()
	if programErr != nil {
		return "", err
	}
	return kit.FindRepository(ctx, filepath.Dir(program))
}

// textbook is the package that is served when none is named.
const textbook = "raft/lab/textbook"

// labPage is what is behind the lab's page.
type labPage struct {
	pkg      *kit.Package
	suite    kit.Program
	room     kit.Program
	roomErr  error // why there is no room
	wasmExec []byte
}

func newLabPage(ctx context.Context, pkg *kit.Package, repo string, repoErr error, log io.Writer) (*labPage, error) {
	l := &labPage{pkg: pkg, roomErr: repoErr}
	var err error
	if l.wasmExec, err = wasmExec(ctx, pkg.Root); err != nil {
		return nil, err
	}
	note := func(what string) func(time.Duration, error) {
		return func(took time.Duration, err error) {
			if err != nil {
				fmt.Fprintf(log, "tabraft lab: %s: %v\n", what, err)
				return
			}
			fmt.Fprintf(log, "tabraft lab: built %s in %.1f s\n", what, took.Seconds())
		}
	}
	l.suite.Compile = func(ctx context.Context, out string) error { return pkg.Build(ctx, out, true) }
	l.suite.Note = note("the tests with " + pkg.Import)
	l.room.Compile = func(ctx context.Context, out string) error { return pkg.BuildRoom(ctx, repo, out) }
	l.room.Note = note("the room with " + pkg.Import)
	return l, nil
}

// wasmExec reads the script that goes with the programs of the Go that builds in
// a folder.
func wasmExec(ctx context.Context, dir string) ([]byte, error) {
	c := exec.CommandContext(ctx, "go", "env", "GOROOT")
	c.Dir = dir
	root, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOROOT: %w", err)
	}
	return os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"))
}

// lineWriter lets goroutines write whole messages.
type lineWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lineWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
