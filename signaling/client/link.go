package client

import (
	"fmt"
	"net/url"
	"strings"

	"tabraft/signaling"
)

// maxLinkBytes bounds a link before anything is done with it.
const maxLinkBytes = 2048

// ParseLink reads an invite link: a page's whole address, or only its fragment, beginning with `#` or `room=`. base is the address without the fragment,
// empty if there was none. Besides the errors of [ParseFragment] it returns [ErrBadLink].
func ParseLink(link string) (r Room, base string, err error) {
	link = strings.TrimSpace(link)
	if len(link) > maxLinkBytes {
		return Room{}, "", fmt.Errorf("%w: it has %d characters, at most %d are allowed", ErrBadLink, len(link), maxLinkBytes)
	}
	base, fragment, found := strings.Cut(strings.Replace(link, "%23room=", "#room=", 1), "#")
	if !found && strings.HasPrefix(link, "room=") {
		base, fragment = "", link
	}
	if base != "" {
		if _, err := parseBase(base); err != nil {
			return Room{}, "", err
		}
	}
	r, err = ParseFragment(fragment)
	if err != nil {
		return Room{}, "", err
	}
	return r, base, nil
}

// Link returns the invite link of the room for the page at base, such as http://localhost:8080/.
func (r Room) Link(base string) string {
	base, _, _ = strings.Cut(base, "#")
	if u, err := url.Parse(base); err == nil && u.Host != "" && u.Path == "" {
		u.Path = "/"
		base = u.String()
	}
	return base + "#" + r.Fragment()
}

// SignalURL returns the WebSocket address of the signaling server that serves the page at base: ws for http, wss for https.
// The error is [ErrBadLink].
func SignalURL(base string) (string, error) {
	u, err := parseBase(base)
	if err != nil {
		return "", err
	}
	u.Scheme = map[string]string{"http": "ws", "https": "wss"}[u.Scheme]
	u = u.ResolveReference(&url.URL{Path: strings.TrimPrefix(signaling.Path, "/")})
	return u.String(), nil
}

func parseBase(base string) (*url.URL, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Opaque != "" {
		return nil, fmt.Errorf("%w: it should look like http://HOST:PORT/#room=NAME&key=KEY, not like %.40q", ErrBadLink, base)
	}
	u.Fragment, u.RawFragment, u.User = "", "", nil
	return u, nil
}
