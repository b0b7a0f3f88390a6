//go:build !js

package signaling

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseICE(t *testing.T) {
	for s, want := range map[string]string{
		"stun:stun.example.org:3478":               "{[stun:stun.example.org:3478]  }",
		"stun:stun.example.org":                    "{[stun:stun.example.org]  }",
		"stuns:[::1]:5349":                         "{[stuns:[::1]:5349]  }",
		"turn:user:pass@h:3478":                    "{[turn:h:3478] user pass}",
		"turn:user:p@ss:word@h:3478?transport=tcp": "{[turn:h:3478?transport=tcp] user p@ss:word}",
	} {
		got, err := ParseICE(s)
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %v, %v", s, got, err)
		}
		if err := checkICE([]ICEServer{got}); err != nil {
			t.Error(err)
		}
	}
	for _, s := range []string{
		"", "stun", "stun:", "stun:h:", "stun:h:0", "stun:h:99999", "stun:h:x", "stun::3478", "stun:h h:1", "http://h", "stun:u:secret@h:1",
		"turn:h:3478", "turn:user@h:1", "turn::secret@h:1", "turn:u:@h:1", "turn:u:secret@", "turn:u:secret@h:1?transport=carrier-pigeon",
		"turn:u:secret@h:x", "stun:" + strings.Repeat("h", MaxICEFieldBytes),
	} {
		got, err := ParseICE(s)
		if err == nil {
			t.Errorf("%s: accepted as %v", s, got)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
	good := ICEServer{URLs: []string{"stun:h:1"}}
	for name, servers := range map[string][]ICEServer{
		"too many": make17(good), "no URL": {{}}, "long": {{URLs: []string{strings.Repeat("h", MaxICEFieldBytes+1)}}},
	} {
		if _, err := New(Config{ICE: servers}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func make17(s ICEServer) (all []ICEServer) {
	for range MaxICEServers + 1 {
		all = append(all, s)
	}
	return all
}
