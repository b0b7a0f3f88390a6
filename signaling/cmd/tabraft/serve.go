package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tabraft/signaling"
	"tabraft/www"
)

const (
	defaultAddr = ":8080"
	// What a client of the page may take before its connection is closed. Sockets of /signal have limits of their own.
	readHeaderTimeout = 10 * time.Second
	readTimeout       = time.Minute
	writeTimeout      = 5 * time.Minute // tab.wasm over a bad Wi-Fi
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
	// shutdownTimeout bounds the wait for clients after SIGINT or SIGTERM.
	shutdownTimeout = 5 * time.Second
)

const serveAbout = `Serve the page, and introduce its tabs to one another. Open the printed address in three tabs: a cluster.`

type serveOptions struct {
	addr    string
	ice     iceFlag
	logs    logFlag
	verbose bool
	mount   func(mux *http.ServeMux) // adds the lab's handlers
	page    string                   // the path that is announced, below /
	todo    string                   // what to do there
}

// serve is `tabraft serve`.
func serve(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o serveOptions
	flags := newFlags("serve", serveAbout)
	flags.StringVar(&o.addr, "addr", defaultAddr, "`host:port` to listen on; without a host on all addresses, port 0 takes a free one")
	flags.Var(&o.ice, "ice", "`server` for tabs that do not see each other directly: stun:host:port or turn:user:password@host:port;\nrepeat the flag or separate by commas; none is needed within one network")
	flags.Var(&o.logs, "log", "`format` of the log on standard error, text or json (default text)")
	flags.BoolVar(&o.verbose, "v", false, "log more")
	if status, ok := parseFlags(flags, args, stdout, stderr); !ok {
		return status
	}
	o.todo = "in three tabs"
	o.mount = (&textbookLab{ctx: ctx, log: &lineWriter{w: stderr}}).mount
	if err := listenAndServe(ctx, o, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "tabraft serve: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// listenAndServe serves until ctx ends.
func listenAndServe(ctx context.Context, o serveOptions, stdout, stderr io.Writer) error {
	logger := o.logs.logger(stderr, o.verbose)
	signals, err := signaling.New(signaling.Config{ICE: o.ice, Logger: logger})
	if err != nil {
		return err
	}
	listener, err := listen(o.addr)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle(signaling.Path, signals)
	mux.Handle("/healthz", signals)
	mux.Handle("/", www.Handler())
	o.mount(mux)
	server := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	announce(stdout, o, listener.Addr(), localAddrs())
	if !www.Built() {
		logger.Warn("this program was compiled before the page was built: run make, or make run")
	}

	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	logger.Info("shutting down")
	wait, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if err := errors.Join(signals.Shutdown(wait), server.Shutdown(wait)); err != nil {
		logger.Warn("some clients did not close in time and were cut off", "error", err)
		server.Close()
	}
	<-served
	return nil
}

// listen listens, and says what to do when it cannot.
func listen(addr string) (net.Listener, error) {
	if _, err := strconv.Atoi(addr); err == nil {
		addr = ":" + addr
	}
	listener, err := net.Listen("tcp", addr)
	if err == nil {
		return listener, nil
	}
	_, port, splitErr := net.SplitHostPort(addr)
	switch {
	case splitErr != nil:
		return nil, fmt.Errorf("-addr %q is not host:port; write for example -addr :8081", addr)
	case inUse(err):
		other := otherPort(port)
		return nil, fmt.Errorf("port %s is in use, perhaps by another tabraft; choose another: tabraft serve -addr :%s, or make run ADDR=:%s", port, other, other)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("port %s is not allowed for this user; choose one above 1023, for example -addr :8081", port)
	}
	return nil, fmt.Errorf("cannot listen on -addr %q: %w", addr, err)
}

// wsaeAddrInUse is EADDRINUSE as Windows says it, which errors.Is does not know.
const wsaeAddrInUse = syscall.Errno(10048)

func inUse(err error) bool {
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, wsaeAddrInUse)
}

// otherPort suggests a port in place of one that is taken.
func otherPort(port string) string {
	n, err := net.LookupPort("tcp", port)
	if err != nil || n >= 65535 {
		return "8081"
	}
	return strconv.Itoa(n + 1)
}

// announce prints where to open the page. The first line is for scripts too, and keeps its form:
//
//	tabraft: open http://localhost:8080/ in three tabs
func announce(w io.Writer, o serveOptions, actual net.Addr, local []net.IP) {
	host, _, _ := net.SplitHostPort(o.addr)
	_, port, _ := net.SplitHostPort(actual.String())
	ip := net.ParseIP(host)
	everywhere := host == "" || ip != nil && ip.IsUnspecified()
	if everywhere || ip != nil && ip.IsLoopback() {
		host = "localhost"
	}
	fmt.Fprintf(w, "tabraft: open %s%s %s\n", pageURL(host, port), o.page, o.todo)
	if !everywhere {
		return
	}
	for i, ip := range local {
		if i == 0 {
			fmt.Fprintln(w, "tabraft: for phones and other machines on the same Wi-Fi, open it here instead and share the invite link:")
		}
		fmt.Fprintf(w, "tabraft:   %s%s\n", pageURL(ip.String(), port), o.page)
	}
}

func pageURL(host, port string) string { return "http://" + net.JoinHostPort(host, port) + "/" }

// localAddrs returns this machine's addresses that others can reach: IPv4, or if there are none, IPv6.
func localAddrs() (v4 []net.IP) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil // they are a service, not needed to serve
	}
	var v6 []net.IP
	for _, a := range addrs {
		network, ok := a.(*net.IPNet)
		switch {
		case !ok || !network.IP.IsGlobalUnicast():
		case network.IP.To4() != nil:
			v4 = append(v4, network.IP)
		default:
			v6 = append(v6, network.IP)
		}
	}
	if len(v4) == 0 {
		return v6
	}
	return v4
}

// iceFlag collects ICE servers.
type iceFlag []signaling.ICEServer

func (f *iceFlag) String() string { return "" }

func (f *iceFlag) Set(s string) error {
	for part := range strings.SplitSeq(s, ",") {
		server, err := signaling.ParseICE(strings.TrimSpace(part))
		if err != nil {
			return err
		}
		*f = append(*f, server)
	}
	return nil
}

// logFlag is the format of logs.
type logFlag string

func (f *logFlag) String() string { return string(*f) }

func (f *logFlag) Set(s string) error {
	if s != "text" && s != "json" {
		return errors.New("use text or json")
	}
	*f = logFlag(s)
	return nil
}

func (f logFlag) logger(w io.Writer, verbose bool) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	if verbose {
		options.Level = slog.LevelDebug
	}
	if f == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
