package load

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
)

// minCommand is the size of the number that every command starts with.
const minCommand = 8

// Number is the number that a command starts with.
func Number(command []byte) uint64 { return binary.LittleEndian.Uint64(command) }

// command makes one command of size bytes.
func command(number uint64, size int) []byte {
	b := make([]byte, size)
	binary.LittleEndian.PutUint64(b, number)
	return b
}

// Machine is one server's state machine. It remembers how many commands it was
// given, and a checksum that tells their order.
type Machine struct {
	count, sum uint64
	published  atomic.Uint64
	_          [40]byte // machines of different servers do not share a cache line
}

// Apply runs one command. It is for the server's own goroutine.
func (m *Machine) Apply(command []byte) {
	m.count++
	m.sum = addToSum(m.sum, Number(command))
}

// Applied is how many commands were applied, for the server's own goroutine.
func (m *Machine) Applied() uint64 { return m.count }

// Publish shows what was applied so far to other goroutines. A server calls it
// after a run of Apply.
func (m *Machine) Publish() { m.published.Store(m.count) }

// Published is how many commands were applied when Publish was last called.
func (m *Machine) Published() uint64 { return m.published.Load() }

// State encodes the state, for a snapshot.
func (m *Machine) State() []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, m.count), m.sum)
}

// SetState replaces the state by one that State gave.
func (m *Machine) SetState(b []byte) error {
	if len(b) != 16 {
		return fmt.Errorf("a state of %d bytes", len(b))
	}
	m.count, m.sum = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	m.Publish()
	return nil
}

// addToSum adds a number to a checksum of a sequence (FNV's prime).
func addToSum(sum, number uint64) uint64 { return sum*1099511628211 + number + 1 }

// check tells whether a machine was given exactly these commands.
func (m *Machine) check(count, sum uint64) error {
	switch {
	case m.count != count:
		return fmt.Errorf("a server applied %d commands of %d", m.count, count)
	case m.sum != sum:
		return fmt.Errorf("a server applied the %d commands in another order", count)
	}
	return nil
}
