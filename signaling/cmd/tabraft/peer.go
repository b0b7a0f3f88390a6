package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"tabraft/raft/node"
	"tabraft/signaling"
	"tabraft/signaling/client"
	"tabraft/wasm/tab"
)

// peer runs a server without a page: it joins the room's cluster over WebRTC,
// keeps its state in files, and counts like any tab.
func peer(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("tabraft peer", flag.ContinueOnError)
	flags.SetOutput(stderr)
	link := flags.String("room", "", "the room's invite `link`, as the page's \"Copy invite link\" gives it (put it in quotes)")
	dir := flags.String("data", "", "`directory` for the server's state (default tabraft-ROOM here); each server needs its own")
	signal := flags.String("signal", "", "`address` of the signaling WebSocket (default: the link's)")
	verbose := flags.Bool("v", false, "log more")
	loopback := flags.Bool("loopback", false, "use the addresses 127.0.0.1 and ::1 only")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "Usage: tabraft peer -room 'LINK' [FLAGS]\n\nRun a server without a tab. It joins the cluster of the room's tabs.")
		flags.PrintDefaults()
	}
	switch err := flags.Parse(args); {
	case err == flag.ErrHelp:
		return exitOK
	case err != nil:
		return exitUsage
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "tabraft peer: what is %q? Flags only; is the link in quotes?\n", flags.Arg(0))
		return exitUsage
	case *link == "":
		fmt.Fprintln(stderr, "tabraft peer: -room is missing: give it the page's invite link, in quotes")
		return exitUsage
	}
	room, base, err := client.ParseLink(*link)
	if err != nil {
		fmt.Fprintf(stderr, "tabraft peer: %v\n", err)
		return exitUsage
	}
	if *signal == "" {
		if *signal, err = client.SignalURL(base); err != nil {
			fmt.Fprintf(stderr, "tabraft peer: %v; or give -signal\n", err)
			return exitUsage
		}
	}
	if *dir == "" {
		*dir = filepath.Join(".", "tabraft-"+room.Name)
	}
	level := slog.LevelWarn
	if *verbose {
		level = slog.LevelDebug
	}
	logger := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	home, err := tab.OpenDir(*dir, room, logger)
	if err != nil {
		fmt.Fprintf(stderr, "tabraft peer: %v\n", err)
		return exitFailed
	}
	defer home.Close()

	changed := make(chan struct{}, 1)
	server, err := tab.NewServer(tab.Config{
		Room: room, Signal: *signal, Link: *link, Kind: signaling.KindNative, Home: home,
		Clock: node.NewSystemClock(), Logger: logger, Loopback: *loopback,
		Observer: func(e tab.Event) {
			switch e.Kind {
			case "role", "peer", "error":
				select {
				case changed <- struct{}{}:
				default:
				}
			}
		},
	})
	if err != nil {
		fmt.Fprintf(stderr, "tabraft peer: %v\n", err)
		return exitFailed
	}
	return watch(ctx, server, changed, stdout, stderr)
}

// watch prints a line for each change of what matters, until ctx ends or the
// server stops.
func watch(ctx context.Context, server *tab.Server, changed <-chan struct{}, stdout, stderr io.Writer) int {
	s := server.State()
	fmt.Fprintf(stdout, "tabraft peer: this is %s (%s), room %s\n", s.Name, s.ID, s.Room.Name)
	look := time.NewTicker(time.Second) // words about the network depend on time
	defer look.Stop()
	last := ""
	for {
		s = server.State()
		line := fmt.Sprintf("%s, term %d, %d of %d servers alive", s.Role, s.Term, s.Quorum.Alive, s.Quorum.Voters)
		if s.Reason != "" {
			line += ": " + s.Reason
		}
		if line != last {
			fmt.Fprintln(stdout, "tabraft peer:", line)
			last = line
		}
		if s.Role == "stopped" {
			fmt.Fprintln(stderr, "tabraft peer: stopped")
			return exitFailed
		}
		select {
		case <-ctx.Done():
			server.Leave()
			fmt.Fprintln(stdout, "tabraft peer: left; the same command brings this server back")
			return exitOK
		case <-changed:
		case <-look.C:
		}
	}
}
