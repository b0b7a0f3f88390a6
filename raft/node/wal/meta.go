package wal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"tabraft/raft"
)

const (
	// MetaVersion is the version of meta.json.
	MetaVersion = 1
	// maxMeta is the length of the longest meta.json read, in bytes.
	maxMeta = 64 << 10
)

// Meta says whose storage a directory is.
type Meta struct {
	Room    string  // the room's token
	Name    string  // the room's name
	ID      raft.ID // the server's
	Cluster uint64  // the cluster's id; zero as long as it is not known
}

// metaFile is Meta as it is written: ids are 16 hex digits, as in logs and
// links.
type metaFile struct {
	Version int    `json:"version"`
	Room    string `json:"room"`
	Name    string `json:"name"`
	ID      string `json:"id"`
	Cluster string `json:"cluster"`
}

// Meta gives what SetMeta stored last, in this life of the server or an earlier
// one; ok tells whether there is anything.
func (l *Log) Meta() (meta Meta, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.meta == nil {
		return Meta{}, false
	}
	return *l.meta, true
}

// SetMeta stores m, all or nothing, before it returns. Once there is one, its
// server id stays, for the log is that server's.
func (l *Log) SetMeta(m Meta) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	path := filepath.Join(l.dir, metaName)
	switch {
	case l.closed:
		return fmt.Errorf("wal: %s: %w", path, ErrClosed)
	case m.ID == raft.None:
		return fmt.Errorf("wal: %s: a server without id", path)
	case l.meta != nil && l.meta.ID != m.ID:
		return fmt.Errorf("wal: %s: the directory is server %v's, not %v's", path, l.meta.ID, m.ID)
	}
	b, err := json.MarshalIndent(metaFile{
		Version: MetaVersion, Room: m.Room, Name: m.Name,
		ID: m.ID.String(), Cluster: fmt.Sprintf("%016x", m.Cluster),
	}, "", "  ")
	if err == nil {
		err = writeFile(systemDisk{}, path, append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("wal: %w", err)
	}
	l.meta = &m
	return nil
}

// readMeta gives nil if there is no file.
func readMeta(path string) (*Meta, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if info.Size() > maxMeta {
		return nil, fmt.Errorf("%s: %w: %d bytes, at most %d", path, ErrCorrupt, info.Size(), maxMeta)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var f metaFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, ErrCorrupt, err)
	}
	if f.Version != MetaVersion {
		return nil, fmt.Errorf("%s: %w %d, this program reads version %d", path, ErrVersion, f.Version, MetaVersion)
	}
	m := &Meta{Room: f.Room, Name: f.Name}
	if m.ID, err = raft.ParseID(f.ID); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, ErrCorrupt, err)
	}
	if m.Cluster, err = strconv.ParseUint(f.Cluster, 16, 64); err != nil || len(f.Cluster) != 16 {
		return nil, fmt.Errorf("%s: %w: %.40q is not a cluster id", path, ErrCorrupt, f.Cluster)
	}
	return m, nil
}
