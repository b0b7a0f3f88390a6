package tab

import (
	"errors"
	"sync"
	"time"

	"tabraft/raft/kv"
	"tabraft/raft/node"
)

// commands.go: put, get, cas and delete of this server's own client. Each life
// opens one session of the replicated map, with the first command that changes
// something; one that has to be sent twice is then applied once. A get reads this
// server's copy of the map as soon as that is known to be new enough.

// Answer is what a command gives.
type Answer struct {
	Value *string // nil: the key has no value
	// Index and Term are those of the entry that carried the command; of one that had
	// to be sent twice, the copy that was answered, which may be behind the one that
	// took effect; of a get, those of the last entry that the value rests on.
	Index, Term uint64
}

// CommandError is why a command was not answered. Code is for programs, Message
// for people.
type CommandError struct{ Code, Message string }

func (e *CommandError) Error() string { return e.Message }

// Codes of a CommandError.
const (
	// CodeInvalid: the command breaks a limit, which Message names.
	CodeInvalid = "invalid"
	// CodeMismatch: cas found another value. Nothing changed.
	CodeMismatch = "mismatch"
	// CodeNoLeader: there was no leader within node.ProposeTimeout. Not
	// executed.
	CodeNoLeader = "no-leader"
	// CodeUncertain: sent to a leader, but no answer came within
	// node.ProposeTimeout. Executed or not.
	CodeUncertain = "uncertain"
	// CodeOverloaded: too many commands wait. Not executed.
	CodeOverloaded = "overloaded"
	// CodeRefused: the map refused it, for the reason Message. Not executed.
	CodeRefused = "refused"
	// CodeStopped: this server does not run.
	CodeStopped = "stopped"
)

// Do runs one command and calls done, once, with its answer or the reason why
// there is none; from a goroutine of the server or before Do returns, and it
// must not wait.
func (s *Server) Do(c kv.Command, done func(Answer, *CommandError)) {
	l, stopped := s.current()
	if l == nil {
		done(Answer{}, &CommandError{CodeStopped, "this server is stopped: " + errText(stopped)})
		return
	}
	check := c
	check.Session, check.Seq, check.Done = 1, 1, 1
	if err := check.Check(); err != nil {
		done(Answer{}, &CommandError{CodeInvalid, err.Error()})
		return
	}
	deadline := s.cfg.Clock.Now() + node.ProposeTimeout
	if c.Op == kv.Get {
		l.get(c.Key, deadline, done)
		return
	}
	l.commands.do(l.node, c, deadline, done)
}

// get reads a key. It enters nothing into the log.
func (l *life) get(key string, deadline time.Duration, done func(Answer, *CommandError)) {
	l.node.ReadFunc(deadline, func(r node.ReadResult, err error) {
		if err != nil {
			done(Answer{}, proposeError(err))
			return
		}
		a := Answer{Index: r.Index, Term: r.Term}
		if value, found := l.machine.Get(key); found {
			a.Value = &value
		}
		done(a, nil)
	})
}

func errText(err error) string {
	if err == nil {
		return "it is starting"
	}
	return err.Error()
}

// maxWaiting is how many commands wait for the session; one more is refused as
// CodeOverloaded. Once it is open it takes all of them.
const maxWaiting = kv.MaxOutstanding

// commands is the client's side of one life.
type commands struct {
	clock   node.Clock
	mu      sync.Mutex
	session *kv.Session // nil before it is open
	opening bool
	waiting []waiting // for the session
}

type waiting struct {
	command  kv.Command
	deadline time.Duration
	done     func(Answer, *CommandError)
}

func (q *commands) do(n *node.Node, c kv.Command, deadline time.Duration, done func(Answer, *CommandError)) {
	q.mu.Lock()
	if session := q.session; session != nil {
		err := session.Stamp(&c)
		q.mu.Unlock()
		q.send(n, session, waiting{c, deadline, done}, err)
		return
	}
	if len(q.waiting) >= maxWaiting {
		q.mu.Unlock()
		done(Answer{}, overloaded())
		return
	}
	q.waiting = append(q.waiting, waiting{c, deadline, done})
	open := !q.opening
	q.opening = true
	q.mu.Unlock()
	if open {
		q.open(n, deadline)
	}
}

func overloaded() *CommandError { return proposeError(node.ErrOverloaded) }

// send proposes a command that was stamped, or could not be.
func (q *commands) send(n *node.Node, session *kv.Session, w waiting, err error) {
	c, done := &w.command, w.done
	if err != nil {
		done(Answer{}, overloaded())
		return
	}
	encoded, err := c.AppendTo(nil)
	if err != nil {
		q.answered(session, c.Seq)
		done(Answer{}, &CommandError{CodeInvalid, err.Error()})
		return
	}
	n.ProposeFunc(encoded, w.deadline, func(r node.Result, err error) {
		q.answered(session, c.Seq)
		if err != nil {
			done(Answer{}, proposeError(err))
			return
		}
		answer, failure := q.answer(session, r)
		done(answer, failure)
	})
}

func (q *commands) answered(session *kv.Session, seq uint64) {
	q.mu.Lock()
	session.Answered(seq)
	q.mu.Unlock()
}

// open opens a session and sends what waits for it, in order, before anything
// that is asked for later.
func (q *commands) open(n *node.Node, deadline time.Duration) {
	c := kv.Command{Op: kv.OpenSession}
	encoded, err := c.AppendTo(nil)
	if err != nil {
		panic(err) // it has no field that could be wrong
	}
	n.ProposeFunc(encoded, deadline, func(r node.Result, err error) {
		if err != nil {
			q.notOpened(n, err)
			return
		}
		session := kv.NewSession(r.Index)
		for late := q.opened(session); len(late) > 0; late = q.opened(session) {
			for _, w := range late {
				q.mu.Lock()
				err := session.Stamp(&w.command)
				q.mu.Unlock()
				q.send(n, session, w, err)
			}
		}
	})
}

// notOpened fails what has waited its time, or everything if the node has
// stopped, and tries again for the rest.
func (q *commands) notOpened(n *node.Node, err error) {
	late := func(waiting) bool { return true }
	if errors.Is(err, node.ErrNoLeader) || errors.Is(err, node.ErrUncertain) {
		// What is uncertain is the session; the commands were not sent.
		err = node.ErrNoLeader
		now := q.clock.Now()
		late = func(w waiting) bool { return w.deadline <= now }
	}
	q.mu.Lock()
	var failed, rest []waiting
	for _, w := range q.waiting {
		if late(w) {
			failed = append(failed, w)
		} else {
			rest = append(rest, w)
		}
	}
	q.waiting, q.opening = rest, len(rest) > 0
	q.mu.Unlock()
	for _, w := range failed {
		w.done(Answer{}, proposeError(err))
	}
	if len(rest) > 0 {
		q.open(n, rest[0].deadline)
	}
}

// opened takes what waits for the session. When nothing does, the opening is
// over.
func (q *commands) opened(session *kv.Session) []waiting {
	q.mu.Lock()
	defer q.mu.Unlock()
	late := q.waiting
	q.waiting = nil
	if len(late) == 0 {
		q.session, q.opening = session, false
	}
	return late
}

func (q *commands) answer(session *kv.Session, r node.Result) (Answer, *CommandError) {
	result, err := kv.DecodeResult(r.Value)
	if err != nil {
		return Answer{}, &CommandError{CodeRefused, err.Error()}
	}
	a := Answer{Index: r.Index, Term: r.Term}
	if result.Found {
		a.Value = &result.Value
	}
	switch result.Code {
	case kv.OK:
		return a, nil
	case kv.Mismatch:
		is := "the key has no value"
		if result.Found {
			is = "the value is " + quote(result.Value)
		}
		return a, &CommandError{CodeMismatch, is + ", not the expected one; nothing was changed"}
	case kv.SessionExpired:
		q.mu.Lock()
		if q.session == session {
			q.session = nil // the next command opens another
		}
		q.mu.Unlock()
		return a, &CommandError{CodeUncertain, "this server's session expired; the command may have been executed or not"}
	}
	return a, &CommandError{CodeRefused, result.Value}
}

// quote shortens a value for a message.
func quote(v string) string {
	const most = 60
	if r := []rune(v); len(r) > most {
		v = string(r[:most]) + "…"
	}
	return "“" + v + "”"
}

func proposeError(err error) *CommandError {
	code := CodeStopped
	switch {
	case errors.Is(err, node.ErrNoLeader):
		code = CodeNoLeader
	case errors.Is(err, node.ErrUncertain):
		code = CodeUncertain
	case errors.Is(err, node.ErrOverloaded):
		code = CodeOverloaded
	case errors.Is(err, node.ErrTooLarge):
		code = CodeInvalid
	}
	return &CommandError{code, err.Error()}
}
