package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"tabraft/raft/node"
	"tabraft/signaling"
	"tabraft/signaling/client"
	"tabraft/wasm/tab"
)

const peerAbout = `Run a server without a tab. It joins the cluster of a room's tabs and counts like any of them. Its state is in files: the same command brings it back. If the cluster removed it while it was away, or it runs already from another copy of its directory, it joins as a new server and puts what it had stored aside.`

type peerOptions struct {
	link     string
	dir      string
	signal   string
	verbose  bool
	loopback bool
	settings tab.Settings
	room     client.Room
}

// peer is `tabraft peer`: a server without a page, which joins the room's
// cluster over WebRTC, keeps its state in files, and counts like any tab.
func peer(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o peerOptions
	flags := newFlags("peer", peerAbout)
	flags.StringVar(&o.link, "room", "", "the room's invite `link`, as the page's \"Copy invite link\" gives it, in quotes")
	flags.StringVar(&o.dir, "data", "", "`directory` for the server's state (default tabraft-ROOM here); each server needs its own")
	flags.StringVar(&o.signal, "signal", "", "`address` of the signaling WebSocket, such as ws://localhost:8080/signal (default: the link's)")
	removeAfter := flags.Duration("remove-after", time.Duration(tab.DefaultSettings.RemoveAfterMs)*time.Millisecond,
		"while this server leads, remove servers that were silent for so long; 0 for never, at least 1s")
	flags.BoolVar(&o.settings.HandOver, "hand-over", tab.DefaultSettings.HandOver, "when this server ends while it leads, have another take over at once")
	flags.BoolVar(&o.verbose, "v", false, "log more")
	flags.BoolVar(&o.loopback, "loopback", false, "use the addresses 127.0.0.1 and ::1 only")
	if status, ok := parseFlags(flags, args, stdout, stderr); !ok {
		return status
	}
	o.settings.RemoveAfterMs = removeAfter.Milliseconds()
	status, err := exitUsage, o.complete()
	if err == nil {
		status, err = runPeer(ctx, o, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintf(stderr, "tabraft peer: %v\n", err)
	}
	return status
}

// complete checks the options and fills in those that follow from others.
func (o *peerOptions) complete() error {
	if o.link == "" {
		return errors.New("-room is missing: give it the page's invite link, in quotes")
	}
	room, base, err := client.ParseLink(o.link)
	switch {
	case errors.Is(err, client.ErrNoKey): // a shell ends the command at the &
		return fmt.Errorf("-room: %w, and put it in quotes", err)
	case err != nil:
		return fmt.Errorf("-room: %w", err)
	}
	if after := o.settings.RemoveAfterMs; after != 0 && after < node.MinRemoveAfter.Milliseconds() {
		return fmt.Errorf("-remove-after: at least %v, or 0 for never", node.MinRemoveAfter)
	}
	o.room = room
	if o.dir == "" {
		o.dir = filepath.Join(".", "tabraft-"+room.Name)
	}
	if o.signal == "" {
		if o.signal, err = client.SignalURL(base); err != nil {
			return fmt.Errorf("-room: %w; or give -signal", err)
		}
		return nil
	}
	u, err := url.Parse(o.signal)
	if err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Hostname() == "" {
		return fmt.Errorf("-signal should look like ws://HOST:PORT%s, not like %.80q", signaling.Path, o.signal)
	}
	return nil
}

// runPeer runs the server until ctx ends or the server stops.
func runPeer(ctx context.Context, o peerOptions, stdout, stderr io.Writer) (status int, err error) {
	level := slog.LevelWarn
	if o.verbose {
		level = slog.LevelDebug
	}
	logger := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	for {
		over, why, err := runServer(ctx, o, logger, stdout)
		if over == "" {
			return exitCode(err), err
		}
		aside := o.dir + ".removed-" + over
		fmt.Fprintf(stdout, "tabraft peer: %v; it joins as a new one, and what it had stored is now in %s\n", why, aside)
		if err := os.Rename(o.dir, aside); err != nil {
			return exitFailed, fmt.Errorf("putting the removed server's state aside: %w", err)
		}
	}
}

func exitCode(err error) int {
	if err != nil {
		return exitFailed
	}
	return exitOK
}

// runServer runs one server until ctx ends or the server stops. It gives the id
// of one that is over, and why, if a new one would be welcome in its place.
func runServer(ctx context.Context, o peerOptions, logger *slog.Logger, stdout io.Writer) (over string, why, err error) {
	home, err := tab.OpenDir(o.dir, o.room, logger)
	if err != nil {
		return "", nil, err
	}
	defer home.Close()

	changed := make(chan struct{}, 1)
	server, err := tab.NewServer(tab.Config{
		Room: o.room, Signal: o.signal, Link: o.link, Kind: signaling.KindNative, Home: home,
		Clock: node.NewSystemClock(), Logger: logger, Loopback: o.loopback,
		Settings: o.settings,
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
		return "", nil, err
	}
	err = watch(ctx, server, changed, stdout)
	switch why := server.Err(); {
	case errors.Is(why, node.ErrRemovedAway):
		return server.State().ID, errors.New("the cluster removed this server while it was away"), nil
	case errors.Is(why, tab.ErrCopied):
		return server.State().ID, why, nil
	}
	return "", nil, err
}

// watch prints a line for each change of what matters, until ctx ends or the
// server stops; the error says why it stopped.
func watch(ctx context.Context, server *tab.Server, changed <-chan struct{}, stdout io.Writer) error {
	s := server.State()
	fmt.Fprintf(stdout, "tabraft peer: this is %s (%s), room %s\n", s.Name, s.ID, s.Room.Name)
	look := time.NewTicker(time.Second) // words about the network depend on time
	defer look.Stop()
	last := ""
	for {
		s = server.State()
		if s.Role == "stopped" {
			return errors.New(s.Reason)
		}
		line := fmt.Sprintf("%s, term %d, %d of %d servers alive", s.Role, s.Term, s.Quorum.Alive, s.Quorum.Voters)
		if s.Reason != "" {
			line += ": " + s.Reason
		}
		if line != last {
			fmt.Fprintln(stdout, "tabraft peer:", line)
			last = line
		}
		select {
		case <-ctx.Done():
			server.Leave()
			fmt.Fprintln(stdout, "tabraft peer: left; the same command brings this server back")
			return nil
		case <-changed:
		case <-look.C:
		}
	}
}
