//go:build !js

package rtc

import (
	"net"
	"sync"
	"time"

	"github.com/pion/ice/v2"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v3"
)

// This file holds what pion/webrtc v3 needs natively; pion_js.go is its twin.

const (
	// dtlsRetransmission is the wait before a DTLS message is repeated.
	dtlsRetransmission = 100 * time.Millisecond
	// closeTimeout bounds Mesh.Close.
	closeTimeout = time.Second
	// closeLinger is how long closeAll lets what was handed over leave.
	closeLinger = 20 * time.Millisecond
)

// supported says why connections are not to be had, if so.
func supported() error { return nil }

// newPeerConnection makes a connection without media. With loopback it uses the
// addresses 127.0.0.1 and ::1, and no others.
func newPeerConnection(servers []webrtc.ICEServer, loopback bool) (*webrtc.PeerConnection, error) {
	var s webrtc.SettingEngine
	logs := logging.NewDefaultLoggerFactory()
	logs.DefaultLogLevel = logging.LogLevelDisabled
	s.LoggerFactory = logs
	// A first DTLS message that came before its receiver was ready would
	// otherwise be repeated after a whole second.
	s.SetDTLSRetransmissionInterval(dtlsRetransmission)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	// Browsers hide their addresses behind mDNS names; resolve those, but
	// have none of our own.
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeQueryOnly)
	if loopback {
		s.SetIncludeLoopbackCandidate(true)
		s.SetIPFilter(net.IP.IsLoopback)
		s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	}
	api := webrtc.NewAPI(webrtc.WithSettingEngine(s))
	return api.NewPeerConnection(webrtc.Configuration{ICEServers: servers})
}

// channel is a data channel of a connection.
type channel struct {
	pc *webrtc.PeerConnection
	dc *webrtc.DataChannel
	// lossy is the unreliable one beside it; nil if there is none.
	lossy *webrtc.DataChannel
}

// openChannel makes the data channel, before any offer or answer, and has the
// events of both channel and connection reported.
func openChannel(pc *webrtc.PeerConnection, w watcher) (*channel, error) {
	negotiated, id := true, uint16(channelStream)
	dc, err := pc.CreateDataChannel(channelLabel, &webrtc.DataChannelInit{Negotiated: &negotiated, ID: &id})
	if err != nil {
		return nil, err
	}
	dc.OnOpen(w.channelOpened)
	dc.OnClose(w.channelClosed)
	dc.OnMessage(func(m webrtc.DataChannelMessage) {
		switch {
		case m.IsString:
			w.misbehaved(errText)
		case len(m.Data) > MaxFragment:
			w.misbehaved(errTooLarge)
		default:
			w.received(m.Data)
		}
	})
	dc.SetBufferedAmountLowThreshold(lowWater)
	dc.OnBufferedAmountLow(w.drained)
	pc.OnICECandidate(func(c *webrtc.ICECandidate) {
		if c == nil {
			w.gathered("")
			return
		}
		w.gathered(c.ToJSON().Candidate)
	})
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) { w.stateChanged(s.String()) })
	return &channel{pc: pc, dc: dc}, nil
}

// openDatagrams makes the unreliable channel beside a connection's channel.
func openDatagrams(c *channel, w watcher) (sender, error) {
	negotiated, ordered, id, retransmits := true, false, uint16(datagramStream), uint16(0)
	dc, err := c.pc.CreateDataChannel(datagramLabel, &webrtc.DataChannelInit{
		Negotiated: &negotiated, ID: &id, Ordered: &ordered, MaxRetransmits: &retransmits,
	})
	if err != nil {
		return nil, err
	}
	dc.OnOpen(func() { w.datagramsOpen(true) })
	dc.OnClose(func() { w.datagramsOpen(false) })
	dc.OnMessage(func(m webrtc.DataChannelMessage) {
		size := len(m.Data)
		if m.IsString {
			size = 0
		}
		if w.admits(size) {
			w.datagram(m.Data)
		}
	})
	c.lossy = dc
	return &channel{pc: c.pc, dc: dc}, nil
}

// offer makes an offer. taken says that it is an earlier one, which setLocal took and
// which has no answer, with the candidates found since: pion takes no other in its
// place.
func (c *channel) offer(restart bool) (sdp string, taken bool, err error) {
	if c.pc.SignalingState() == webrtc.SignalingStateHaveLocalOffer {
		return c.pc.PendingLocalDescription().SDP, true, nil
	}
	d, err := c.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: restart})
	return d.SDP, false, err
}

// answer makes the answer to the offer that setRemote took.
func (c *channel) answer() (sdp string, err error) {
	d, err := c.pc.CreateAnswer(nil)
	return d.SDP, err
}

// setLocal takes our description, a signalOffer or signalAnswer.
func (c *channel) setLocal(kind, sdp string) error {
	return c.pc.SetLocalDescription(webrtc.SessionDescription{Type: webrtc.NewSDPType(kind), SDP: sdp})
}

// setRemote takes the peer's.
func (c *channel) setRemote(kind, sdp string) error {
	return c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.NewSDPType(kind), SDP: sdp})
}

// addCandidate takes a candidate of the peer, empty for the last.
func (c *channel) addCandidate(candidate string) error {
	line := uint16(0)
	return c.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: candidate, SDPMLineIndex: &line})
}

// deafen has no more datagrams be taken.
func (c *channel) deafen() { c.lossy.OnMessage(nil) }

// send hands one message over; the slice is the caller's again.
func (c *channel) send(b []byte) error { return c.dc.Send(b) }

// buffered is the number of bytes handed over and not sent yet.
func (c *channel) buffered() int { return int(c.dc.BufferedAmount()) }

// closeAll closes the channels' connections, which their peers see at once. It
// waits until pion is done with it, but not longer than closeTimeout. What was sent just
// before, as by a leader that hands over, must leave first: pion, other than a
// browser, may drop it. That it has left shows only late, when it is acknowledged.
func closeAll(channels []*channel) {
	done := make(chan struct{})
	var closing sync.WaitGroup
	for _, c := range channels {
		closing.Go(func() {
			if c.buffered() > 0 {
				time.Sleep(closeLinger)
			}
			c.pc.Close()
		})
	}
	go func() {
		closing.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(closeTimeout):
	}
}

// closeSoon is closeAll for one that cannot wait for pion's goroutines.
func closeSoon(c *channel) { go c.pc.Close() }
