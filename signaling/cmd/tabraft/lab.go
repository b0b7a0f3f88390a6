package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"tabraft/raft/lab/kit"
)

// labCommands are what `tabraft lab` can do.
var labCommands = []command{
	{"new", "make a module for your own Raft", labNew},
	{"run", "run the tests of the lab on your Raft", labRun},
	{"serve", "serve a page that runs the tests, and your Raft across tabs", labServe},
}

// runLab is `tabraft lab`.
func runLab(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		labUsage(stderr)
		return exitUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		labUsage(stdout)
		return exitOK
	}
	for _, c := range labCommands {
		if c.name == args[0] {
			return c.run(ctx, args[1:], stdout, stderr)
		}
	}
	fmt.Fprintf(stderr, "tabraft lab: there is no command %q; tabraft help lab lists them\n", args[0])
	return exitUsage
}

func labUsage(w io.Writer) {
	fmt.Fprint(w, "The Raft lab of MIT 6.824 and Princeton COS-418: bring your own Raft.\n\nUsage: tabraft lab COMMAND [FLAGS] FOLDER\n\n")
	for _, c := range labCommands {
		fmt.Fprintf(w, "  %-5s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, "\ntabraft lab new -h, and so on, tell more.\n")
}

// labNew is `tabraft lab new`.
func labNew(_ context.Context, args []string, stdout, stderr io.Writer) int {
	flags := newFlags("lab new", "Make a Go module with the beginnings of a Raft in a new folder.")
	dir, status, ok := parseFolder(flags, args, stdout, stderr)
	if !ok {
		return status
	}
	if err := kit.New(dir); err != nil {
		fmt.Fprintf(stderr, "tabraft lab new: %v\n", err)
		if errors.Is(err, kit.ErrNotEmpty) {
			fmt.Fprintln(stderr, "Name a folder that does not exist yet, or is empty.")
		}
		return exitFailed
	}
	fmt.Fprintf(stdout, `%[1]s is ready. Write your Raft in %[1]s/raft.go; then

  cd %[1]s && go test -run 2A

runs part A of the tests, and 2B, 2C, 2D the others. From here,

  tabraft lab run -count 100 %[1]s

runs all of them a hundred times over all cores.
`, dir)
	return exitOK
}
