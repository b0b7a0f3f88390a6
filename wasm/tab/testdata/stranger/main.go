// Command stranger is a hostile peer for the tests in a browser: it joins a room by its
// link and attacks every server that connects to it, by one attack after the other,
// one for each connection, until it is killed. It prints a line for each attack, and one
// when that is over.
//
// With -wrong-key it knows the room's token, as the signaling server does, and not its
// key: it sends offers that nobody can open.
package main

import (
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/webrtc/v3"

	"tabraft/raft"
	"tabraft/raft/wire"
	"tabraft/signaling"
	"tabraft/signaling/client"
)

const (
	incarnation = "00000000000000ba"
	// patience is how long a server may take to end a connection on which it was
	// attacked, before the next attack.
	patience = 3 * time.Second
)

var self = signaling.Peer{Incarnation: incarnation, Kind: signaling.KindNative}

func main() {
	link := flag.String("room", "", "the room's link")
	wrongKey := flag.Bool("wrong-key", false, "know the token only")
	cluster := flag.Uint64("cluster", 0, "the cluster's id")
	leader := flag.String("leader", "", "id of a server to speak for")
	flag.StringVar(&self.ID, "id", "00000000000000ad", "its own id, 16 hexadecimal digits")
	only := flag.String("attacks", "", "which attacks, separated by commas, if not all")
	flag.Parse()
	room, base, err := client.ParseLink(*link)
	if err != nil {
		log.Fatal(err)
	}
	url, err := client.SignalURL(base)
	if err != nil {
		log.Fatal(err)
	}
	if *wrongKey {
		pester(url, room.Token())
	}
	victim, err := raft.ParseID(*leader)
	if err != nil {
		log.Fatal(err)
	}
	ways := slices.DeleteFunc(slices.Clone(attacks), func(a attack) bool {
		return *only != "" && !slices.Contains(strings.Split(*only, ","), a.name)
	})
	if len(ways) == 0 {
		log.Fatalf("-attacks %s: there is none of that name", *only)
	}
	s := &stranger{attacks: ways, cluster: *cluster, victim: victim, peers: map[string]*target{}}
	s.c = client.Start(client.Config{URL: url, Room: room, Peer: self, Handler: s})
	select {}
}

// pester sends everybody in the room what does not open, for ever.
func pester(url, token string) {
	ws, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		log.Fatal(err)
	}
	write := func(m signaling.Message) {
		if err := ws.WriteMessage(websocket.TextMessage, m.Encode()); err != nil {
			log.Fatal(err)
		}
	}
	write(signaling.Message{Type: signaling.TypeHello, Version: signaling.Version, Room: token, Peer: &self})
	_, b, err := ws.ReadMessage()
	if err != nil {
		log.Fatal(err)
	}
	m, err := signaling.Decode(b)
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for {
			if _, _, err := ws.ReadMessage(); err != nil {
				log.Fatal(err)
			}
		}
	}()
	other := client.RandomRoom()
	for n := 0; ; n++ {
		for _, p := range m.Peers {
			sealed, err := other.Seal(self.ID, self.Incarnation, p.ID, make([]byte, 1000))
			if err != nil {
				log.Fatal(err)
			}
			write(signaling.Message{Type: signaling.TypeSignal, To: p.ID, Payload: sealed})
		}
		if n == 0 {
			fmt.Println("pestering", len(m.Peers))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// stranger knows the room's key.
type stranger struct {
	c       *client.Client
	attacks []attack
	cluster uint64
	victim  raft.ID

	mu       sync.Mutex
	peers    map[string]*target
	recorded [][]byte // frames that servers sent
}

// target is one server.
type target struct {
	signaling.Peer
	pc      *webrtc.PeerConnection
	attempt uint32
	early   []string
	attacks int
}

func (s *stranger) Connection(bool, error)                                  {}
func (s *stranger) Welcome(peers []signaling.Peer, _ []signaling.ICEServer) {}
func (s *stranger) Joined(signaling.Peer)                                   {}
func (s *stranger) Left(signaling.Peer)                                     {}

// signal is a payload of package rtc.
type signal struct {
	Version   int    `json:"v"`
	Kind      string `json:"kind"`
	From      string `json:"from"`
	To        string `json:"to"`
	Attempt   uint32 `json:"attempt"`
	Round     uint32 `json:"round"`
	SDP       string `json:"sdp,omitempty"`
	Candidate string `json:"candidate,omitempty"`
}

func (s *stranger) Signal(from signaling.Peer, payload []byte) {
	var m signal
	if json.Unmarshal(payload, &m) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.peers[from.ID]
	if t == nil {
		t = &target{Peer: from}
		s.peers[from.ID] = t
	}
	switch m.Kind {
	case "offer":
		if err := s.answer(t, m); err != nil {
			fmt.Println("offer:", err)
		}
	case "candidate":
		if t.pc != nil && m.Attempt == t.attempt {
			line := uint16(0)
			t.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: m.Candidate, SDPMLineIndex: &line})
		}
	}
}

func (s *stranger) answer(t *target, m signal) error {
	if t.pc != nil {
		t.pc.Close()
	}
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return err
	}
	t.pc, t.attempt = pc, m.Attempt
	say := func(x signal) {
		x.Version, x.From, x.To, x.Attempt, x.Round = 1, incarnation, t.Incarnation, m.Attempt, m.Round
		b, _ := json.Marshal(x)
		s.c.Send(t.ID, b)
	}
	yes, stream := true, uint16(0)
	dc, err := pc.CreateDataChannel("raft", &webrtc.DataChannelInit{Negotiated: &yes, ID: &stream})
	if err != nil {
		return err
	}
	attack := s.attacks[t.attacks%len(s.attacks)]
	t.attacks++
	ended := make(chan struct{})
	dc.OnOpen(func() {
		go func() {
			s.attack(t, dc, attack)
			select {
			case <-ended:
			case <-time.After(patience):
			}
			fmt.Println("over", attack.name, t.ID)
			pc.Close()
		}()
	})
	dc.OnMessage(func(m webrtc.DataChannelMessage) { s.record(m.Data) })
	dc.OnClose(sync.OnceFunc(func() { close(ended) }))
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: m.SDP}); err != nil {
		return err
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		return err
	}
	go func() {
		<-gathered
		say(signal{Kind: "answer", SDP: pc.LocalDescription().SDP})
	}()
	return nil
}

func (s *stranger) record(fragment []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(fragment) > 1 && fragment[0] == 1 && len(s.recorded) < 1000 {
		s.recorded = append(s.recorded, append([]byte(nil), fragment...))
	}
}

// hello is that of a server, as package rtc wants it first.
func hello(id, incarnation string) []byte {
	n, _ := raft.ParseID(id)
	b := binary.BigEndian.AppendUint64([]byte{0, 1}, uint64(n))
	return append(append(b, byte(len(incarnation))), incarnation...)
}

func (s *stranger) attack(t *target, dc *webrtc.DataChannel, a attack) {
	fmt.Println("attack", a.name, t.ID)
	send := func(b []byte) bool {
		for dc.BufferedAmount() > 64<<10 {
			time.Sleep(time.Millisecond)
			if dc.ReadyState() != webrtc.DataChannelStateOpen {
				return false
			}
		}
		return dc.Send(b) == nil
	}
	if a.name != "answers for another" {
		send(hello(self.ID, incarnation))
	}
	to, _ := raft.ParseID(t.ID)
	a.run(s, to, send)
}

type attack struct {
	name string
	run  func(s *stranger, to raft.ID, send func([]byte) bool)
}

// whole is a frame in one fragment.
func whole(frame []byte) []byte { return append([]byte{1}, frame...) }

var attacks = []attack{
	{"forges", func(s *stranger, to raft.ID, send func([]byte) bool) {
		for range 100 {
			vote := raft.Message{Type: raft.RequestVote, From: s.victim, To: to, Term: 1 << 30, LogIndex: 1 << 40, LogTerm: 1 << 29, Force: true}
			if to == s.victim {
				vote.From++
			}
			send(whole(wire.AppendRaft(nil, s.cluster, []raft.Message{vote})))
		}
	}},
	{"4 GiB", func(_ *stranger, _ raft.ID, send func([]byte) bool) { send([]byte{2, 255, 255, 255, 255, 1, 2, 3}) }},
	{"4 GiB in a frame", func(s *stranger, to raft.ID, send func([]byte) bool) {
		id, _ := raft.ParseID(self.ID)
		f := wire.AppendJoin(nil, wire.Header{Cluster: s.cluster, From: id, To: to}, wire.Join{})
		f[1] = byte(wire.KindPropose)
		for range 100 {
			send(whole(append(f[:wire.HeaderSize:wire.HeaderSize], 0xff, 0xff, 0xff, 0xff, 0x0f)))
		}
	}},
	{"answers for another", func(s *stranger, _ raft.ID, send func([]byte) bool) {
		send(hello(s.victim.String(), incarnation))
	}},
	{"replays", func(s *stranger, _ raft.ID, send func([]byte) bool) {
		for i := 0; ; i++ {
			s.mu.Lock()
			n := len(s.recorded)
			var b []byte
			if n > 0 {
				b = s.recorded[i%n]
			}
			s.mu.Unlock()
			if b == nil {
				time.Sleep(10 * time.Millisecond)
			} else if !send(b) {
				return
			}
		}
	}},
	{"floods pings", func(_ *stranger, _ raft.ID, send func([]byte) bool) {
		for send([]byte{4, 0, 0, 0, 1}) {
		}
	}},
	{"floods commands", func(s *stranger, to raft.ID, send func([]byte) bool) {
		id, _ := raft.ParseID(self.ID)
		h := wire.Header{Cluster: s.cluster, From: id, To: to}
		for n := uint64(1); ; n++ {
			if !send(whole(wire.AppendPropose(nil, h, []wire.Proposal{{Request: n, Command: make([]byte, 8000)}}))) ||
				!send(whole(wire.AppendRemove(nil, h, s.victim))) || !send(whole(wire.AppendTransfer(nil, h, to))) {
				return
			}
		}
	}},
	// By no means forged: it is the stranger itself that says this.
	{"raises the term", func(s *stranger, to raft.ID, send func([]byte) bool) {
		id, _ := raft.ParseID(self.ID)
		for range 20 {
			for _, term := range []uint64{1 << 62, 1 << 30} {
				for _, kind := range []raft.MessageType{raft.AppendEntriesReply, raft.RequestVoteReply, raft.RequestPreVoteReply} {
					send(whole(wire.AppendRaft(nil, s.cluster, []raft.Message{{Type: kind, From: id, To: to, Term: term, Reject: true}})))
				}
			}
			send(whole(wire.AppendRaft(nil, s.cluster, []raft.Message{{Type: raft.AppendEntries, From: id, To: to, Term: 1 << 62}})))
		}
	}},
	{"says it is removed", func(s *stranger, to raft.ID, send func([]byte) bool) {
		id, _ := raft.ParseID(self.ID)
		for range 20 {
			send(whole(wire.AppendJoinReply(nil, wire.Header{Cluster: s.cluster, From: id, To: to}, wire.JoinReply{Code: wire.CodeRemoved, Message: "you are out"})))
		}
	}},
}
