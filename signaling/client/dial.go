//go:build !js

package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// maxInbox bounds the messages that were read and not yet handled; at it, the socket is not read, and the server may close it as slow.
	maxInbox     = 256
	writeTimeout = 5 * time.Second
)

// nativeSocket is a socket over gorilla/websocket.
type nativeSocket struct {
	ws    *websocket.Conn
	inbox chan []byte
	end   error // set before inbox is closed

	closing sync.Once
	closed  chan struct{}
}

func dial(ctx context.Context, url string) (socket, error) {
	dialer := websocket.Dialer{Proxy: http.ProxyFromEnvironment}
	ws, answer, err := dialer.DialContext(ctx, url, nil)
	if errors.Is(err, websocket.ErrBadHandshake) && answer != nil {
		if answer.StatusCode == http.StatusServiceUnavailable {
			return nil, errors.New("signaling: the server has too many connections, or is shutting down")
		}
		return nil, fmt.Errorf("signaling: %s answered %s, which is not a WebSocket: is it a tabraft server?", url, answer.Status)
	}
	if err != nil {
		return nil, fmt.Errorf("signaling: %w", err)
	}
	ws.SetReadLimit(maxReceived)
	s := &nativeSocket{ws: ws, inbox: make(chan []byte, maxInbox), closed: make(chan struct{})}
	go s.readLoop()
	return s, nil
}

func (s *nativeSocket) readLoop() {
	defer close(s.inbox)
	for {
		kind, b, err := s.ws.ReadMessage()
		var closed *websocket.CloseError
		switch {
		case errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure:
			err = &closeError{closed.Code, closed.Text}
		case err != nil:
			err = fmt.Errorf("signaling: the connection broke: %w", err)
		case kind != websocket.TextMessage:
			err = fmt.Errorf("%w: a binary message", ErrProtocol)
		}
		if err != nil {
			s.end = err
			return
		}
		select {
		case s.inbox <- b:
		case <-s.closed:
			s.end = ErrNotConnected
			return
		}
	}
}

func (s *nativeSocket) messages() <-chan []byte { return s.inbox }

func (s *nativeSocket) err() error { return s.end }

func (s *nativeSocket) write(b []byte) error {
	s.ws.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err := s.ws.WriteMessage(websocket.TextMessage, b); err != nil {
		return fmt.Errorf("signaling: the connection broke: %w", err)
	}
	return nil
}

func (s *nativeSocket) close() {
	s.closing.Do(func() {
		close(s.closed)
		// Best effort, in no time at all: it is skipped while another write is stuck.
		s.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(100*time.Millisecond))
		s.ws.Close()
	})
}
