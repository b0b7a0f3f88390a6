// Command tabraft is the one program beside the page.
//
//	tabraft serve     serve the page, and introduce its tabs to one another
//	tabraft peer      run a server that joins the tabs of a room
//	tabraft sim       try to break the core in seeded worlds
//	tabraft lab       make and test your own Raft
//	tabraft help      what there is; tabraft help serve tells more
//	tabraft version   which build this is
//
// Exit status: 0 done, 1 it did not work, 2 the command line was wrong. What people and scripts read goes to standard output, logs and errors to standard error.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// A command runs until it is done or ctx ends, which happens on SIGINT and SIGTERM, and returns the exit status.
type command struct {
	name    string
	summary string
	run     func(ctx context.Context, args []string, stdout, stderr io.Writer) int
}

// commands are the subcommands, in the order of the help.
var commands = []command{
	{"serve", "serve the page, and introduce its tabs to one another", serve},
	{"peer", "run a server that joins the tabs of a room", peer},
	{"sim", "try to break the core in seeded worlds", simulate},
	{"lab", "make, test and serve your own Raft", runLab},
}

const (
	exitOK = iota
	exitFailed
	exitUsage
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program without its process.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		usage(stderr)
		return exitUsage
	}
	name, args := args[0], args[1:]
	switch name {
	case "help", "-h", "-help", "--help":
		if len(args) > 0 && args[0] != "help" {
			return run(ctx, []string{args[0], "-h"}, stdout, stderr)
		}
		usage(stdout)
		return exitOK
	case "version", "-version", "--version":
		fmt.Fprintln(stdout, "tabraft", version())
		return exitOK
	}
	for _, c := range commands {
		if c.name == name {
			return c.run(ctx, args, stdout, stderr)
		}
	}
	fmt.Fprintf(stderr, "tabraft: there is no command %q; tabraft help lists them\n", name)
	return exitUsage
}

func usage(w io.Writer) {
	fmt.Fprint(w, "Raft in browser tabs.\n\nUsage: tabraft COMMAND [FLAGS]\n\n")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-9s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, "  version   print which build this is\n  help      print this, or with the name of a command its flags\n")
}

// version names the build: the module's version, and the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown build)"
	}
	v, commit, changed := info.Main.Version, "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = " commit " + s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = ", changed"
		}
	}
	return v + commit + changed + " " + info.GoVersion
}

// newFlags returns a flag set whose errors and help parseFlags prints.
func newFlags(name, about string) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "%s\n\nUsage: tabraft %s [FLAGS]\n\n", about, name)
		flags.PrintDefaults()
	}
	return flags
}

// parseFlags parses a command line without arguments. If ok is false the command ends with the given status: help was asked for, or the line was wrong.
func parseFlags(flags *flag.FlagSet, args []string, stdout, stderr io.Writer) (status int, ok bool) {
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(stdout)
		flags.Usage()
		return exitOK, false
	}
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if err != nil {
		fmt.Fprintf(stderr, "tabraft %s: %v; tabraft help %s lists the flags\n", flags.Name(), err, flags.Name())
		return exitUsage, false
	}
	return exitOK, true
}
