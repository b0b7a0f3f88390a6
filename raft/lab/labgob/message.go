package labgob

import (
	"bytes"
	"encoding/gob"
	"reflect"
	"slices"
	"sync"
)

// Marshal encodes one value as a stream of its own.
func Marshal(v any) ([]byte, error) {
	if value := reflect.ValueOf(v); value.IsValid() {
		checkType(value.Type())
		base, err := indirect(value)
		if err != nil {
			return nil, err
		}
		if p := planFor(base.Type()); p != nil {
			room := buffers.Get().(*[]byte)
			defer buffers.Put(room)
			message, ok := p.message(*room, base)
			*room = message[:0]
			if ok {
				return slices.Concat(p.descriptions, message), nil
			}
		}
	}
	var buf bytes.Buffer
	if err := NewEncoder(&buf).Encode(v); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// Unmarshal decodes into the variable that v points to what Marshal encoded.
//
// A gob stream begins with descriptions of its types, and most of a short stream's cost
// is in reading them. Streams of one type begin alike, so decoders that have read
// such a beginning are kept, and get to read only what follows it. As with gob,
// damaged bytes give an error or some value.
func Unmarshal(data []byte, v any) error {
	t := reflect.TypeOf(v)
	checkType(t)
	checkDefault(reflect.ValueOf(v))
	split := descriptions(data)
	pool := poolFor(beginning{string(data[:split]), t})
	if pool == nil {
		return gob.NewDecoder(bytes.NewReader(data)).Decode(v)
	}
	d, _ := pool.Get().(*reader)
	if d != nil {
		d.bytes.Reset(data[split:])
		if d.gob.Decode(v) == nil {
			pool.Put(d)
			return nil
		}
		// The stream describes a type also further back, behind an interface, and
		// the decoder has read that before. Or it is damaged. A decoder that
		// knows nothing finds out; what was decoded already it decodes again.
	}
	d = &reader{}
	d.bytes.Reset(data)
	d.gob = gob.NewDecoder(&d.bytes)
	err := d.gob.Decode(v)
	if err == nil && d.bytes.Len() == 0 {
		pool.Put(d)
	}
	return err
}

// A reader is a decoder whose input can be replaced.
type reader struct {
	bytes bytes.Reader
	gob   *gob.Decoder
}

// A beginning is what streams of one type share, and what they are decoded into.
type beginning struct {
	descriptions string
	into         reflect.Type
}

// maxPools bounds how many beginnings are remembered, and maxBeginning how long
// they are. Other streams are decoded without help.
const (
	maxPools     = 256
	maxBeginning = 4096
)

var pools = struct {
	sync.RWMutex
	of map[beginning]*sync.Pool
}{of: map[beginning]*sync.Pool{}}

func poolFor(b beginning) *sync.Pool {
	if len(b.descriptions) > maxBeginning {
		return nil
	}
	pools.RLock()
	p := pools.of[b]
	pools.RUnlock()
	if p != nil {
		return p
	}
	pools.Lock()
	defer pools.Unlock()
	if p = pools.of[b]; p == nil && len(pools.of) < maxPools {
		p = &sync.Pool{}
		pools.of[b] = p
	}
	return p
}

// descriptions returns the length of the descriptions at the beginning of a
// stream. Each message is its length and then a type's number, negative if the
// message describes that type.
func descriptions(data []byte) int {
	at := 0
	for {
		size, n := gobUint(data[at:])
		id, m := gobUint(data[at+n:])
		if n == 0 || m == 0 || id&1 == 0 || size > uint64(len(data)-at-n) {
			return at
		}
		at += n + int(size)
	}
}

// gobUint reads gob's encoding of an unsigned number: one byte below 128, or the
// negated count of the bytes that follow. It returns how long it is, 0 if cut off.
func gobUint(data []byte) (x uint64, n int) {
	if len(data) == 0 {
		return 0, 0
	}
	if data[0] < 0x80 {
		return uint64(data[0]), 1
	}
	n = -int(int8(data[0]))
	if n > 8 || len(data) < 1+n {
		return 0, 0
	}
	for _, b := range data[1 : 1+n] {
		x = x<<8 | uint64(b)
	}
	return x, 1 + n
}
