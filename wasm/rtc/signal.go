package rtc

import (
	"encoding/json"
	"fmt"
)

// signalVersion is the version of the signaling payload.
const signalVersion = 1

// The kinds of a signal; see the package comment.
const (
	signalOffer     = "offer"
	signalAnswer    = "answer"
	signalCandidate = "candidate"
	signalRequest   = "request"
	signalTaken     = "taken"
)

// signal is the payload of one signaling message.
type signal struct {
	Version   int    `json:"v"`
	Kind      string `json:"kind"`
	From      string `json:"from"`
	To        string `json:"to"`
	Attempt   uint32 `json:"attempt"`
	Round     uint32 `json:"round"`
	SDP       string `json:"sdp,omitempty"`
	Candidate string `json:"candidate,omitempty"`
	Restart   bool   `json:"restart,omitempty"`
}

// parseSignal reads a payload and checks every limit.
func parseSignal(payload []byte) (signal, error) {
	var s signal
	if len(payload) > MaxSignal {
		return s, fmt.Errorf("rtc: signal of %d bytes, at most %d allowed", len(payload), MaxSignal)
	}
	if err := json.Unmarshal(payload, &s); err != nil {
		return s, fmt.Errorf("rtc: signal: %w", err)
	}
	if s.Version != signalVersion {
		return s, fmt.Errorf("rtc: signal of version %d, this server speaks %d", s.Version, signalVersion)
	}
	switch s.Kind {
	case signalOffer, signalAnswer:
		if s.SDP == "" || len(s.SDP) > MaxSDP {
			return s, fmt.Errorf("rtc: %s with %d bytes of session description, at most %d allowed", s.Kind, len(s.SDP), MaxSDP)
		}
	case signalCandidate:
		if len(s.Candidate) > MaxCandidate {
			return s, fmt.Errorf("rtc: candidate of %d bytes, at most %d allowed", len(s.Candidate), MaxCandidate)
		}
	case signalRequest, signalTaken:
		return s, nil
	default:
		return s, fmt.Errorf("rtc: signal of unknown kind %.20q", s.Kind)
	}
	if s.Attempt == 0 {
		return s, fmt.Errorf("rtc: %s without an attempt", s.Kind)
	}
	return s, nil
}
