package tab

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"tabraft/raft"
	"tabraft/raft/node"
	"tabraft/signaling"
	"tabraft/signaling/client"
)

// stillClock is a clock that stands still, for what looks at one moment only.
type stillClock struct{}

func (stillClock) Now() time.Duration           { return time.Minute }
func (stillClock) Timer(fire func()) node.Timer { return stillTimer{} }

type stillTimer struct{}

func (stillTimer) Reset(time.Duration) {}
func (stillTimer) Stop()               {}

// causeError is the failure of a storage for a cause.
type causeError string

func (e causeError) Error() string        { return "the storage is " + string(e) }
func (e causeError) StorageCause() string { return string(e) }

func TestWords(t *testing.T) {
	full := &signaling.Error{Code: signaling.CodeRoomFull, Text: "the room is full: 64 peers"}
	well := State{Role: "follower", Leader: "x", Signaling: "connected", Quorum: Quorum{Alive: 3, Needed: 2, Voters: 3}}
	with := func(change func(*State)) State {
		s := well
		change(&s)
		return s
	}
	joining := with(func(s *State) { s.Role, s.Leader, s.Quorum = "joining", "", Quorum{} })
	for name, c := range map[string]struct {
		state             State
		isolated          bool
		refused, trouble  error
		present           int
		near, far         bool // a peer is reached by the bus, by WebRTC
		warning           error
		problem, contains string
	}{
		"all is well":          {state: well},
		"trouble of before":    {state: well, trouble: errors.New("a frame was refused")},
		"leading":              {state: with(func(s *State) { s.Role = "leader" })},
		"connecting again":     {state: with(func(s *State) { s.Signaling = "connecting" })},
		"isolated":             {state: well, isolated: true, refused: full, problem: "isolated", contains: "until isolate(false)"},
		"no quorum":            {state: with(func(s *State) { s.Quorum.Alive = 1 }), problem: "no-quorum", contains: "1 of 3 servers is alive, 2 needed: nothing can commit. Open another tab"},
		"no quorum of five":    {state: with(func(s *State) { s.Quorum = Quorum{2, 3, 5} }), problem: "no-quorum", contains: "2 of 5 servers are alive, 3 needed"},
		"none at all":          {state: with(func(s *State) { s.Quorum = Quorum{0, 1, 1} }), problem: "no-quorum", contains: "0 of 1 servers are alive"},
		"no leader":            {state: with(func(s *State) { s.Leader = "" }), problem: "no-leader", contains: "Commands wait for it"},
		"refused":              {state: well, refused: full, problem: "signaling", contains: "The cluster works, but the signaling server refuses this server, which keeps asking: signaling: the room is full"},
		"offline":              {state: with(func(s *State) { s.Signaling = "offline" }), problem: "signaling", contains: "no new tab can join until it is back"},
		"offline, one browser": {state: with(func(s *State) { s.Signaling = "offline" }), near: true, problem: "signaling", contains: "only tabs of this browser can join"},
		"no network":           {state: well, near: true, problem: "broadcast", contains: "The cluster works; servers in other browsers"},
		"network for some":     {state: well, near: true, far: true},
		"joining in one browser": {state: with(func(s *State) { *s = joining; s.Signaling = "offline" }), near: true,
			problem: "joining", contains: "Asking the other tabs of this browser to let this server in. The signaling"},
		"joining in one browser, refused": {state: with(func(s *State) { *s = joining; s.Signaling = "connecting" }), near: true,
			trouble: errors.New("no leader is known"), problem: "joining", contains: "They have not done so yet: no leader is known."},
		"joining, unlisted tab": {state: joining, near: true, problem: "joining", contains: "Asking the cluster"},
		"a warning":             {state: well, warning: errors.New("the timer is slow"), problem: "warning", contains: "the timer is slow"},
		"a learner":             {state: with(func(s *State) { s.Role = "learner" })},
		"joining":               {state: joining, present: 1, problem: "joining", contains: "Asking the cluster"},
		"joining a full one":    {state: joining, present: 1, trouble: errors.New("the cluster is full: 64 servers"), problem: "joining", contains: "It has not done so yet: the cluster is full"},
		"joining and alone":     {state: joining, problem: "alone", contains: "open the page with #new"},
		"joining, connecting": {state: with(func(s *State) { *s = joining; s.Signaling = "connecting" }),
			problem: "joining", contains: "Connecting to the signaling server"},
		"joining, offline": {state: with(func(s *State) { *s = joining; s.Signaling = "offline" }), present: 2,
			problem: "signaling", contains: "check that the server runs"},
		"joining, refused": {state: joining, refused: full, problem: "signaling", contains: "the room is full"},
		"joining another cluster": {state: joining, present: 2, trouble: fmt.Errorf("%w: this is 1", node.ErrOtherCluster),
			problem: "other-cluster", contains: "open the link in another browser"},
		"of another cluster, and isolated": {state: joining, isolated: true, trouble: node.ErrOtherCluster, problem: "isolated", contains: "isolate(false)"},
	} {
		l := &life{links: node.NewLinks(stillClock{}, rand.New(rand.NewPCG(1, 1)), nil, nil),
			refused: c.refused, trouble: c.trouble, present: c.present, routes: newRoutes(nil, stillClock{}.Now, nil, nil)}
		l.links.Isolate(c.isolated)
		if c.near {
			l.routes.peers[1] = route{bus: true}
		}
		if c.far {
			l.routes.peers[2] = route{webrtc: true}
		}
		problem, reason := l.words(&c.state, node.Status{Now: time.Minute}, c.warning)
		if problem != c.problem || (reason == "") != (problem == "") || !strings.Contains(reason, c.contains) {
			t.Errorf("%s: %q: %q", name, problem, reason)
		}
		checkWords(t, problem, reason)
	}
}

// checkWords tells whether a text can be shown: a sentence, whole, on one line.
func checkWords(t *testing.T, problem, reason string) {
	t.Helper()
	if strings.Contains(reason, "%!") || strings.Contains(reason, "\n") || strings.Contains(reason, "<nil>") || len(reason) > 500 ||
		strings.ToLower(problem) != problem || strings.Contains(problem, " ") {
		t.Errorf("%q: %q", problem, reason)
	}
}

func TestQuorum(t *testing.T) {
	type conf = raft.Configuration
	ids := func(ids ...raft.ID) []raft.ID { return ids }
	for name, c := range map[string]struct {
		conf  conf
		alive []raft.ID
		want  Quorum
	}{
		"nobody":                   {conf{}, nil, Quorum{}},
		"one":                      {conf{Voters: ids(1)}, ids(1), Quorum{1, 1, 1}},
		"one of three":             {conf{Voters: ids(1, 2, 3)}, ids(1), Quorum{1, 2, 3}},
		"learners do not count":    {conf{Voters: ids(1, 2, 3), Learners: ids(4)}, ids(1, 2, 4), Quorum{2, 2, 3}},
		"of four":                  {conf{Voters: ids(1, 2, 3, 4)}, ids(1, 2, 3, 4), Quorum{4, 3, 4}},
		"joint, all there":         {conf{Voters: ids(1, 2, 3), Outgoing: ids(1, 2)}, ids(1, 2, 3), Quorum{2, 2, 2}},
		"joint, an old one lacks":  {conf{Voters: ids(1, 2, 3), Outgoing: ids(1, 2)}, ids(1, 3), Quorum{1, 2, 2}},
		"joint, the new ones lack": {conf{Voters: ids(1, 4, 5), Outgoing: ids(1, 2, 3)}, ids(1, 2, 3), Quorum{1, 2, 3}},
	} {
		var members []Member
		for _, id := range c.conf.Members() {
			members = append(members, Member{ID: id.String(), Reachable: slices.Contains(c.alive, id)})
		}
		if got := quorum(node.Status{Status: raft.Status{Configuration: c.conf}}, members); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestStoppedWords(t *testing.T) {
	for _, c := range []struct {
		why                  error
		problem, tab, native string // what the texts end in
	}{
		{nil, "starting", "is starting.", "is starting."},
		{ErrCrashed, "crashed", "Restart it to see it catch up.", "Restart it to see it catch up."},
		{ErrLeft, "left", "This tab is being closed.", "This server is being ended."},
		{node.ErrRemoved, "removed", "Reload the tab to join as a new one.", "start it with a new directory."},
		{node.ErrToldRemoved, "removed", "put aside, not deleted. Reload the tab to join as a new one.", "start it with a new directory."},
		{fmt.Errorf("%w, and more", node.ErrRemoved), "removed", "Reload the tab to join as a new one.", "start it with a new directory."},
		{errors.New("quota exceeded"), "storage", "quota exceeded. What was stored before is safe. Reload the tab to try again.",
			"quota exceeded. What was stored before is safe. Start it again to try again."},
	} {
		for kind, end := range map[signaling.Kind]string{signaling.KindTab: c.tab, signaling.KindNative: c.native} {
			problem, reason := stoppedWords(c.why, kind)
			if problem != c.problem || !strings.HasSuffix(reason, end) {
				t.Errorf("%v of a %s: %q: %q", c.why, kind, problem, reason)
			}
			checkWords(t, problem, reason)
		}
	}
}

func TestFailedState(t *testing.T) {
	room := client.RandomRoom()
	for fragment, contains := range map[string]string{
		"#nothing":                        "it should end in #room=NAME&key=KEY",
		"#room=" + room.Name:              "has no key",
		"#room=" + room.Name + "&key=abc": "copy the whole invite link again",
		"#room=N!&key=abc":                "use 1 to 64 characters",
	} {
		_, err := client.ParseFragment(fragment)
		s := FailedState(client.Room{}, err)
		if s.Role != "stopped" || s.Problem != "link" || !strings.Contains(s.Reason, contains) || s.Members == nil || s.Signaling != "offline" || s.Timer.Kind != "none" {
			t.Errorf("%s: %+v", fragment, s)
		}
	}
	for why, cause := range map[error]string{causeError(causeBusy): causeBusy, client.ErrNoKey: ""} {
		if s := FailedState(room, why); s.Storage.Cause != cause || (s.Storage.Error == nil) != (cause == "") {
			t.Errorf("%v: %+v", why, s.Storage)
		}
	}
	s := FailedState(room, errors.New("IndexedDB is missing"))
	if s.Problem != "storage" || s.Room.Name != room.Name || !strings.Contains(s.Reason, "IndexedDB is missing. What was stored before") {
		t.Errorf("%+v", s)
	}
}

func TestCommandErrors(t *testing.T) {
	for err, code := range map[error]string{
		node.ErrNoLeader: CodeNoLeader, node.ErrUncertain: CodeUncertain, node.ErrOverloaded: CodeOverloaded,
		node.ErrTooLarge: CodeInvalid, node.ErrRemoved: CodeStopped, node.ErrStopped: CodeStopped,
	} {
		got := proposeError(fmt.Errorf("proposing: %w", err))
		if got.Code != code || got.Message != "proposing: "+err.Error() {
			t.Errorf("%v: %+v", err, got)
		}
	}
	if got := quote(strings.Repeat("ä", 100)); got != "“"+strings.Repeat("ä", 60)+"…”" {
		t.Errorf("quote gives %s", got)
	}
}

func TestNamesAndColours(t *testing.T) {
	// What people call a server must not change with a version of the program.
	if id := raft.ID(0x1234_5678_9abc_def0); Name(id) != "Quiet Lynx" || Colour(id) != 7 {
		t.Errorf("it is now %s, colour %d", Name(id), Colour(id))
	}
	names, colours := map[string]int{}, map[int]int{}
	random := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		id := raft.ID(random.Uint64())
		name, colour := Name(id), Colour(id)
		if name != Name(id) || colour != Colour(id) {
			t.Fatal("they depend on more than the id")
		}
		if adjective, creature, ok := strings.Cut(name, " "); !ok || adjective == "" || creature == "" || strings.Contains(creature, " ") {
			t.Fatalf("name %q", name)
		}
		if colour < 0 || colour >= Colours {
			t.Fatalf("colour %d", colour)
		}
		names[name]++
		colours[colour]++
	}
	if len(names) != len(adjectives)*len(creatures) || len(colours) != Colours {
		t.Errorf("%d names, %d colours", len(names), len(colours))
	}
	for colour, n := range colours {
		if n < 20_000/Colours/2 {
			t.Errorf("colour %d comes %d times of 20000", colour, n)
		}
	}
	for _, id := range []raft.ID{0, 1, ^raft.ID(0)} {
		if c := Colour(id); c < 0 || c >= Colours || Name(id) == "" {
			t.Errorf("%v: %s, colour %d", id, Name(id), c)
		}
	}
}

func TestConfigurationText(t *testing.T) {
	a, b, c := raft.ID(1), raft.ID(33), raft.ID(66)
	for want, conf := range map[string]raft.Configuration{
		"voters: " + Name(a):                                                          {Voters: []raft.ID{a}},
		"voters: " + Name(a) + ", " + Name(b):                                         {Voters: []raft.ID{a, b}},
		"voters: " + Name(a) + "; learners: " + Name(c):                               {Voters: []raft.ID{a}, Learners: []raft.ID{c}},
		"joint, from " + Name(a) + ", " + Name(b) + " to " + Name(a) + ", " + Name(c): {Voters: []raft.ID{a, c}, Outgoing: []raft.ID{a, b}},
	} {
		if got := configurationText(conf.Encode()); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for _, bad := range [][]byte{nil, {1}, {0xff, 0xff}} {
		if got := configurationText(bad); got == "" || strings.HasPrefix(got, "voters") {
			t.Errorf("%x: %q", bad, got)
		}
	}
}
