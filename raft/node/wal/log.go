package wal

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"tabraft/raft"
	"tabraft/raft/node"
	"tabraft/raft/wire"
)

const (
	// MaxPending bounds the saves that wait for the disk, in bytes. One that
	// would exceed it fails, and with it the log: a disk that is so far behind
	// keeps no server.
	MaxPending = 256 << 20
	// MaxSnapshot bounds a save with a snapshot, in bytes. It counts nothing
	// towards MaxPending.
	MaxSnapshot = 768 << 20
	// maxPayload bounds a record's payload. All that is pending goes into one.
	maxPayload = MaxSnapshot + MaxPending
	// keepBuffer is the largest buffer kept for the next record, in bytes.
	keepBuffer = 4 << 20
)

var (
	// ErrClosed: the log was closed.
	ErrClosed = errors.New("closed")
	// ErrPending: MaxPending is exceeded.
	ErrPending = fmt.Errorf("more than %d bytes wait for the disk", MaxPending)
	// ErrSnapshot: MaxSnapshot is exceeded.
	ErrSnapshot = fmt.Errorf("a snapshot of more than %d bytes", MaxSnapshot)
)

const (
	logName  = "log"
	lockName = "lock"
	metaName = "meta.json"
)

// Log is the storage of one server. Save may be called from one goroutine at a
// time, the other methods from any.
type Log struct {
	path string // of the log file
	dir  string
	lock *dirLock
	salt []byte
	// written is closed when the writer has ended.
	written chan struct{}

	mu      sync.Mutex
	wake    *sync.Cond // pending has grown, or closed was set
	stored  *raft.Stored
	meta    *Meta
	pending []byte // a record in the making; empty or longer than its header
	waiting int    // its bytes that count towards MaxPending
	// replace: pending is a whole new log, which begins with a snapshot.
	replace bool
	done    []func(error) // of the saves in it
	err     error         // the first error; nothing is written after it
	closed  bool

	disk disk  // the writer's alone, as are
	file file  // the log; nil after an error of replacing it
	size int64 // where the next record goes
}

var _ node.Storage = (*Log)(nil)

// Open opens a server's directory, making it if there is none, and reads the
// log. It fails with ErrLocked if another process, or another Log of this one,
// has it open; with ErrVersion; and with ErrCorrupt for damage other than the
// torn last record of a crash, which is cut off with a warning to logger.
func Open(dir string, logger *slog.Logger) (_ *Log, err error) {
	if err := makeDir(dir); err != nil {
		return nil, fmt.Errorf("wal: %w", err)
	}
	lock, err := lockDir(filepath.Join(dir, lockName))
	if err != nil {
		return nil, fmt.Errorf("wal: %s: %w", dir, err)
	}
	l := &Log{disk: systemDisk{}, dir: dir, path: filepath.Join(dir, logName), lock: lock, written: make(chan struct{})}
	l.wake = sync.NewCond(&l.mu)
	if l.meta, err = readMeta(filepath.Join(dir, metaName)); err == nil {
		err = l.open(logger)
	}
	if err != nil {
		lock.release()
		return nil, fmt.Errorf("wal: %w", err)
	}
	go l.write()
	return l, nil
}

// open reads the log file, cuts off what a crash tore, and leaves it ready to
// be written on.
func (l *Log) open(logger *slog.Logger) error {
	if _, err := os.Stat(l.path); errors.Is(err, os.ErrNotExist) {
		// A new log appears whole, header and all, so that one without a
		// header is never taken for a new one.
		if err := writeFile(l.disk, l.path, newHeader(headerSize)); err != nil {
			return err
		}
	}
	// A crash may have left one that was to take the log's place. It may be
	// large, and is worth nothing.
	if err := os.Remove(fresh(l.path)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(l.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := l.read(f, logger); err != nil {
		f.Close()
		return fmt.Errorf("%s: %w", l.path, err)
	}
	l.file = f
	return nil
}

// read replays the log file and cuts off its torn end.
func (l *Log) read(f *os.File, logger *slog.Logger) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	stored := &raft.Stored{}
	l.salt, l.size, err = replay(f, info.Size(), func(save []byte) error { return wire.ReplaySave(stored, save) })
	if err != nil {
		return err
	}
	l.stored = stored
	if l.size == info.Size() {
		return nil
	}
	logger.Warn("cut off a write that a crash had torn", "file", l.path, "offset", l.size, "bytes", info.Size()-l.size)
	if err := f.Truncate(l.size); err != nil {
		return err
	}
	return f.Sync()
}

// Load gives what Open read. It can be called once.
func (l *Log) Load() (raft.Stored, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stored == nil {
		return raft.Stored{}, fmt.Errorf("wal: %s: already loaded", l.path)
	}
	st := *l.stored
	l.stored = nil
	return st, nil
}

// Save queues s for the disk and returns at once; s is not needed any more
// then. done is called in the order of the saves, by one goroutine, and must
// neither block for long nor call Close. After the first error, that of a full
// disk for one, every save fails with it.
func (l *Log) Save(s *raft.Save, done func(error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		go done(fmt.Errorf("wal: %s: %w", l.path, ErrClosed))
		return
	}
	if err := l.makeRoom(s); err != nil {
		l.fail(err)
	}
	if l.err == nil {
		l.pending = appendSave(l.pending, func(b []byte) []byte { return wire.AppendSave(b, s) })
	}
	l.done = append(l.done, done)
	l.wake.Signal()
}

// makeRoom prepares pending for a save; l.mu is held.
func (l *Log) makeRoom(s *raft.Save) error {
	size := saveHeader + wire.SaveSize(s)
	if s.Snapshot != nil {
		if size > MaxSnapshot {
			return ErrSnapshot
		}
		// It takes the place of all that is stored, and of what still waits.
		l.pending = append(l.pending[:0], make([]byte, headerSize+recordHeader)...)
		l.waiting, l.replace = 0, true
		return nil
	}
	if l.waiting+size > MaxPending {
		return ErrPending
	}
	if len(l.pending) == 0 {
		l.pending = append(l.pending, make([]byte, recordHeader)...)
	}
	l.waiting += size
	return nil
}

// fail keeps the first error; l.mu is held.
func (l *Log) fail(err error) {
	if l.err == nil {
		l.err = fmt.Errorf("wal: %s: %w", l.path, err)
	}
}

// write is the writer: it takes all that is pending, puts it on the disk, and
// reports it done, until the log is closed and nothing is left.
func (l *Log) write() {
	defer close(l.written)
	var record []byte
	var done []func(error)
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for len(l.done) == 0 && !l.closed {
			l.wake.Wait()
		}
		if len(l.done) == 0 {
			return
		}
		record, l.pending = l.pending, record[:0]
		done, l.done = l.done, done[:0]
		replace := l.replace
		l.waiting, l.replace = 0, false
		err := l.err
		l.mu.Unlock()
		switch {
		case err != nil:
		case replace:
			err = l.begin(record)
		default:
			err = l.put(record)
		}
		if cap(record) > keepBuffer {
			record = nil
		}
		l.mu.Lock()
		if err != nil {
			l.fail(err)
			err = l.err
		}
		l.mu.Unlock()
		for i, f := range done {
			f(err)
			done[i] = nil
		}
		l.mu.Lock()
	}
}

// put makes one record durable.
func (l *Log) put(record []byte) error {
	sealRecord(record, l.salt, l.size)
	if _, err := l.file.WriteAt(record, l.size); err != nil {
		return err
	}
	if err := l.file.Sync(); err != nil {
		return err
	}
	l.size += int64(len(record))
	return nil
}

// begin puts a new log in the place of the old one: b is room for its header,
// then its first record. Until the new one is on the disk with all that is in
// it, the old one stays.
func (l *Log) begin(b []byte) error {
	copy(b, newHeader(int64(len(b))))
	salt := append([]byte(nil), b[12:20]...)
	sealRecord(b[headerSize:], salt, headerSize)
	// Not all systems rename to or from the name of an open file.
	err := l.file.Close()
	l.file = nil
	if err == nil {
		err = writeFile(l.disk, l.path, b)
	}
	if err == nil {
		l.file, err = l.disk.open(l.path)
	}
	l.salt, l.size = salt, int64(len(b))
	return err
}

// Close waits until what was saved is on the disk and reported, then gives the
// directory free. Later saves fail with ErrClosed. A second Close does nothing.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		<-l.written
		return nil
	}
	l.closed = true
	l.wake.Signal()
	l.mu.Unlock()
	<-l.written
	var err error
	if l.file != nil {
		err = l.file.Close()
	}
	if err = errors.Join(err, l.lock.release()); err != nil {
		return fmt.Errorf("wal: %s: %w", l.dir, err)
	}
	return nil
}
