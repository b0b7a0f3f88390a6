//go:build !js

package tab

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"tabraft/raft"
	"tabraft/raft/node"
	"tabraft/raft/node/wal"
	"tabraft/signaling/client"
)

// DirHome is a Home in a directory, for a server that is a process. A process
// has one life: Begin works once.
type DirHome struct {
	log   *wal.Log
	mu    sync.Mutex
	meta  wal.Meta
	begun bool
}

// dirStorage is the log as a life has it: the life's end leaves it to its Home
// to close the log and unlock the directory.
type dirStorage struct{ *wal.Log }

func (dirStorage) Close() error { return nil }

// OpenDir opens a directory as the home of a server of a room, and makes it one
// if it is empty. The directory stays locked until Close.
func OpenDir(dir string, room client.Room, logger *slog.Logger) (*DirHome, error) {
	log, err := wal.Open(dir, logger)
	if err != nil {
		return nil, err
	}
	meta, ok := log.Meta()
	if ok && meta.Room != room.Token() {
		log.Close()
		return nil, fmt.Errorf("%s belongs to a server of the room %q: give another directory with -data", dir, meta.Name)
	}
	if !ok {
		meta = wal.Meta{Room: room.Token(), Name: room.Name, ID: newID()}
		if err := log.SetMeta(meta); err != nil {
			log.Close()
			return nil, err
		}
	}
	return &DirHome{log: log, meta: meta}, nil
}

// ID implements Home.
func (h *DirHome) ID() raft.ID { return h.meta.ID }

// Cluster implements Home.
func (h *DirHome) Cluster() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.meta.Cluster
}

// Begin implements Home.
func (h *DirHome) Begin(string, func(error)) (node.Storage, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.begun {
		return nil, errors.New("a server in a directory lives once: start its process again")
	}
	h.begun = true
	return dirStorage{h.log}, nil
}

// SetCluster implements Home.
func (h *DirHome) SetCluster(cluster uint64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.meta.Cluster != 0 && h.meta.Cluster != cluster {
		return errors.New("the server belongs to another cluster")
	}
	h.meta.Cluster = cluster
	return h.log.SetMeta(h.meta)
}

// Forget implements Home. The directory is left to its owner to delete.
func (h *DirHome) Forget() error { return nil }

// SetAside implements Home, likewise.
func (h *DirHome) SetAside() error { return nil }

// Kind implements Home.
func (h *DirHome) Kind() string { return "file" }

// Close implements Home.
func (h *DirHome) Close() { h.log.Close() }
