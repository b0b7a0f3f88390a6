package tab

import (
	"errors"
	"fmt"

	"tabraft/raft"
	"tabraft/raft/node"
	"tabraft/signaling"
	"tabraft/signaling/client"
)

// words.go: what is wrong, for people, and as a code for scripts. Every text
// says what its reader can do, if there is anything to do.

// words says what is wrong and what to do about it.
func (l *life) words(s *State, st node.Status, warning error) (problem, reason string) {
	l.mu.Lock()
	refused, present, trouble := l.refused, l.present, l.trouble
	l.mu.Unlock()
	near := l.routes.neighbours()
	q := s.Quorum
	switch {
	case l.links.Isolated():
		return "isolated", "This server is cut off from all others, by isolate(true). Nothing it is asked to store can commit until isolate(false)."
	case st.StorageSilent > 0:
		return "slow-storage", slowWords(st.StorageSilent, l.s.cfg.Kind)
	case s.Role == roleJoining && errors.Is(trouble, node.ErrOtherCluster):
		return "other-cluster", "What is stored of this server belongs to another cluster than this room's, which therefore does not let it in: " +
			trouble.Error() + ". To join as a new server, open the link in another browser, or delete this site's data first."
	case s.Role == roleJoining && near > 0 && s.Signaling != signalingConnected:
		reason = "Asking the other tabs of this browser to let this server in."
		if trouble != nil {
			reason += " They have not done so yet: " + trouble.Error() + "."
		}
		return "joining", reason + " The signaling server cannot be reached, so servers elsewhere cannot be met."
	case refused != nil && s.Role == roleJoining:
		return "signaling", "The signaling server refuses this server, which keeps asking: " + refused.Error()
	case s.Role == roleJoining && s.Signaling == signalingOffline:
		return "signaling", "The signaling server cannot be reached, so this server cannot meet the others. It keeps trying; check that the server runs (make run)."
	case s.Role == roleJoining && s.Signaling == signalingConnecting:
		return "joining", "Connecting to the signaling server, to meet the other servers."
	case s.Role == roleJoining && present == 0 && near == 0:
		return "alone", "No server of this room is online. Open the room in the browser that made it, or wait for somebody; this server joins by itself. If nobody can come back, open the page with #new at the end of its address to make a new room."
	case s.Role == roleJoining && trouble != nil:
		return "joining", "Asking the cluster to let this server in. It has not done so yet: " + trouble.Error()
	case s.Role == roleJoining:
		return "joining", "Asking the cluster to let this server in."
	case q.Alive < q.Needed:
		return "no-quorum", fmt.Sprintf("%d of %d servers %s alive, %d needed: nothing can commit. Open another tab to bring a server back.",
			q.Alive, q.Voters, isAre(q.Alive), q.Needed)
	case s.Leader == "":
		return "no-leader", "This server knows no leader at the moment: one is being elected, or it cannot be reached from here. Commands wait for it."
	case len(s.Clusters) > 0:
		return "two-clusters", twoClusters(s)
	case refused != nil:
		return "signaling", "The cluster works, but the signaling server refuses this server, which keeps asking: " + refused.Error()
	case s.Signaling == signalingOffline && near > 0:
		return "signaling", "The signaling server cannot be reached. The cluster goes on without it; until it is back only tabs of this browser can join, over BroadcastChannel."
	case s.Signaling == signalingOffline:
		return "signaling", "The signaling server cannot be reached. The cluster goes on without it, but no new tab can join until it is back."
	case l.routes.onlyBus(st.Now):
		return "broadcast", "There is no network path between the tabs (WebRTC finds none), so they talk over BroadcastChannel, inside this browser. " +
			"The cluster works; servers in other browsers and on other computers cannot take part until the network is back."
	case warning != nil:
		return "warning", warning.Error()
	}
	return "", ""
}

// twoClusters explains how it can come that a room has two, and the way out.
func twoClusters(s *State) string {
	other := s.Clusters[0]
	id, _ := raft.ParseID(other.Servers[0])
	return fmt.Sprintf("This room has two clusters: this server's, %s, and %s, to which %s belongs. What is stored in one is not seen in the other. "+
		"That happens when a browser's profile or storage was copied, restored or deleted. "+
		"Decide which one to keep. In each browser of the other one delete this site's data, then open the invitation link again: its servers join as new ones, and what they had stored is lost.",
		s.Cluster, other.ID, Name(id))
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// FailedState is the state of a tab that could not become a server.
func FailedState(room client.Room, why error) State {
	s := State{Role: roleStopped, Members: []Member{}, Clusters: []OtherCluster{}, Refusals: []Refusal{}, Timer: TimerState{Kind: "none"},
		Signaling: signalingOffline, Room: RoomState{Name: room.Name},
		Configuration: configurationState(node.Status{}), Settings: DefaultSettings}
	s.tellStopped(why, signaling.KindTab)
	for _, bad := range []error{client.ErrNoRoom, client.ErrNoKey, client.ErrDamagedKey, client.ErrBadName, client.ErrBadLink} {
		if errors.Is(why, bad) {
			s.Problem, s.Reason, s.Storage = "link", why.Error(), StorageState{}
		}
	}
	return s
}

// tellStopped fills in why a server does not run.
func (s *State) tellStopped(why error, kind signaling.Kind) {
	s.Problem, s.Reason = stoppedWords(why, kind)
	if s.Problem == "storage" {
		text := why.Error()
		s.Storage.Error, s.Storage.Cause = &text, storageCause(why)
	}
}

// stoppedWords says why a server does not run, and what to do.
func stoppedWords(why error, kind signaling.Kind) (problem, reason string) {
	removed, again, left := "Reload the tab to join as a new one.", "Reload the tab to try again.", "This tab is being closed."
	if kind == signaling.KindNative {
		removed, again, left = "To join as a new one, start it with a new directory.", "Start it again to try again.", "This server is being ended."
	}
	switch {
	case why == nil:
		return "starting", "This server is starting."
	case errors.Is(why, ErrCrashed):
		return "crashed", "This server was crashed: its memory is lost, what it stored is kept. Restart it to see it catch up."
	case errors.Is(why, ErrLeft):
		return "left", left
	case errors.Is(why, ErrCopied):
		return "copied", "This server runs already, in another browser or process: what was stored here was a copy, and two of one server would endanger what the cluster has agreed on. The copy is put aside. " + removed
	case errors.Is(why, ErrRunsTwice):
		return "runs-twice", "Another browser or process runs this server, from a copy of what is stored here, and two of one server would endanger what the cluster has agreed on. This one stopped. " +
			"If the other one is the copy, close it and restart this one; if this one is, delete this site's data (of a server that is a process: its directory) and begin anew."
	case errors.Is(why, node.ErrToldRemoved):
		return "removed", "The cluster removed this server while it was away, says a server that this one does not know. What was stored here is put aside, not deleted. " + removed
	case errors.Is(why, node.ErrRemovedAway):
		return "removed", "The cluster removed this server while it was away. " + removed
	case errors.Is(why, node.ErrRemoved):
		return "removed", "The cluster removed this server. " + removed
	}
	return "storage", storageWords(why, again)
}
