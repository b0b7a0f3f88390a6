//go:build !js

package signaling

import (
	"errors"
	"fmt"
	"net"
	"strings"
)

// ParseICE reads one ICE server as people write it on a command line: `stun:host:port` or `turn:user:password@host:port`; `stuns:` and `turns:` too,
// the port may be left out, and `?transport=tcp` (or udp) may follow.
func ParseICE(s string) (ICEServer, error) {
	fail := func(format string, args ...any) (ICEServer, error) {
		return ICEServer{}, fmt.Errorf("ICE server %q: "+format, append([]any{redact(s)}, args...)...)
	}
	if len(s) > MaxICEFieldBytes {
		return ICEServer{}, fmt.Errorf("an ICE server may have at most %d characters", MaxICEFieldBytes)
	}
	scheme, rest, ok := strings.Cut(s, ":")
	var server ICEServer
	switch {
	case !ok:
		return fail("write stun:host:port or turn:user:password@host:port")
	case scheme == "stun" || scheme == "stuns":
		if strings.Contains(rest, "@") {
			return fail("a STUN server takes no user and password; did you mean turn:?")
		}
	case scheme == "turn" || scheme == "turns":
		at := strings.LastIndexByte(rest, '@')
		if at < 0 {
			return fail("a TURN server needs a user and a password: %s:user:password@host:port", scheme)
		}
		server.Username, server.Credential, ok = strings.Cut(rest[:at], ":")
		if !ok || server.Username == "" || server.Credential == "" {
			return fail("a TURN server needs a user and a password: %s:user:password@host:port", scheme)
		}
		rest = rest[at+1:]
	default:
		return fail("unknown scheme %q: use stun, stuns, turn or turns", scheme)
	}
	host, query, hasQuery := strings.Cut(rest, "?")
	if hasQuery && query != "transport=udp" && query != "transport=tcp" {
		return fail("after ? only transport=udp or transport=tcp may follow")
	}
	if err := checkHostPort(host); err != nil {
		return fail("%v", err)
	}
	server.URLs = []string{scheme + ":" + rest}
	return server, nil
}

// redact hides the password, for error messages.
func redact(s string) string {
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		scheme, _, _ := strings.Cut(s, ":")
		return scheme + ":...@" + s[at+1:]
	}
	return s
}

func checkHostPort(s string) error {
	host := s
	if h, port, err := net.SplitHostPort(s); err == nil {
		if n, err := net.LookupPort("udp", port); err != nil || n == 0 {
			return fmt.Errorf("%q is not a port", port)
		}
		host = h
	} else if strings.Count(s, ":") == 1 || strings.Contains(s, "]:") {
		return errors.New("write host:port")
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if host == "" || strings.ContainsAny(host, " /@\t\r\n") {
		return errors.New("the host is missing or malformed")
	}
	return nil
}

func checkICE(servers []ICEServer) error {
	if len(servers) > MaxICEServers {
		return fmt.Errorf("%d ICE servers: at most %d are allowed", len(servers), MaxICEServers)
	}
	for _, s := range servers {
		if len(s.URLs) != 1 {
			return fmt.Errorf("an ICE server needs exactly one URL, not %d", len(s.URLs))
		}
		for _, f := range []string{s.URLs[0], s.Username, s.Credential} {
			if len(f) > MaxICEFieldBytes {
				return fmt.Errorf("an ICE server's fields may have at most %d characters", MaxICEFieldBytes)
			}
		}
	}
	if n := len(Message{Type: TypeWelcome, ICE: servers}.Encode()); n > MaxMessageBytes/2 {
		return fmt.Errorf("the ICE servers take %d bytes in a welcome: at most %d are allowed", n, MaxMessageBytes/2)
	}
	return nil
}
