package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// maxBidiMessage bounds a message of the browser, in bytes: a screenshot is
// the largest.
const maxBidiMessage = 64 << 20

// A bidi is a session of WebDriver BiDi (https://w3c.github.io/webdriver-bidi/)
// over the browser's own WebSocket. A command is a JSON object with a number,
// its answer has the same number, and what has none is an event.
type bidi struct {
	conn *websocket.Conn
	// onEvent gets every event, in order, from the goroutine that reads: it must
	// not wait for a command of this session.
	onEvent func(method string, params json.RawMessage)

	writing sync.Mutex // one writer at a time

	mu      sync.Mutex
	last    int // number of the latest command
	waiting map[int]chan<- bidiMessage
	ended   error // why no answer comes any more; nil while they do
}

// A bidiMessage is an answer or an event.
type bidiMessage struct {
	Type   string          `json:"type"` // success, error or event
	ID     *int            `json:"id"`   // of the command that is answered
	Result json.RawMessage `json:"result"`
	// Error and Message tell why a command failed.
	Error   string          `json:"error"`
	Message string          `json:"message"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
}

// errBidiEnded is the error of commands on a session whose browser is gone.
var errBidiEnded = errors.New("the connection to the browser ended")

// dialBidi connects to a browser and begins a session, for which the browser has
// to be up.
func dialBidi(address string, onEvent func(method string, params json.RawMessage)) (*bidi, error) {
	dialer := websocket.Dialer{HandshakeTimeout: callTimeout}
	conn, answer, err := dialer.Dial(address, nil)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	answer.Body.Close()
	conn.SetReadLimit(maxBidiMessage)
	s := &bidi{conn: conn, onEvent: onEvent, waiting: map[int]chan<- bidiMessage{}}
	go s.read()
	if err := s.call(firefoxTimeout, "session.new", object{"capabilities": object{}}, nil); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// An object is the parameters of a command.
type object map[string]any

// call runs a command and decodes its result into out, unless that is nil.
func (s *bidi) call(limit time.Duration, method string, params, out any) error {
	answered := make(chan bidiMessage, 1)
	s.mu.Lock()
	s.last++
	id, ended := s.last, s.ended
	s.waiting[id] = answered
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.waiting, id)
	}()
	if ended != nil {
		return fmt.Errorf("%s: %w", method, ended)
	}
	if err := s.write(object{"id": id, "method": method, "params": params}); err != nil {
		return fmt.Errorf("%s: %w: %w", method, errBidiEnded, err)
	}
	select {
	case answer, ok := <-answered:
		switch {
		case !ok:
			return fmt.Errorf("%s: %w", method, errBidiEnded)
		case answer.Type == "error":
			return fmt.Errorf("%s: %s: %s", method, answer.Error, answer.Message)
		case out == nil:
			return nil
		}
		return json.Unmarshal(answer.Result, out)
	case <-time.After(limit):
		return fmt.Errorf("%s: no answer within %v", method, limit)
	}
}

func (s *bidi) write(command object) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.conn.SetWriteDeadline(time.Now().Add(callTimeout)); err != nil {
		return err
	}
	return s.conn.WriteJSON(command)
}

// read hands out answers and events until the connection ends.
func (s *bidi) read() {
	for {
		var m bidiMessage
		if err := s.conn.ReadJSON(&m); err != nil {
			s.mu.Lock()
			s.ended = fmt.Errorf("%w: %w", errBidiEnded, err)
			for id, answered := range s.waiting {
				close(answered)
				delete(s.waiting, id)
			}
			s.mu.Unlock()
			return
		}
		if m.ID == nil {
			s.onEvent(m.Method, m.Params)
			continue
		}
		s.mu.Lock()
		answered := s.waiting[*m.ID]
		delete(s.waiting, *m.ID)
		s.mu.Unlock()
		if answered != nil {
			answered <- m
		}
	}
}

func (s *bidi) close() { s.conn.Close() }
