package kit

import (
	"encoding/binary"
	"errors"
)

// MaxPages is how much memory a program in a Worker may have, in pages of
// WebAssembly (64 KiB): 1 GiB. Go's runtime then ends the program with "out of memory"
// and the stack of who asked for it, before the machine suffers.
const MaxPages = 1 << 14

var errNotWasm = errors.New("not a WebAssembly program of Go's linker")

const (
	wasmHeader    = 8 // "\0asm" and the version
	memorySection = 5
	hasMaximum    = 1
)

// limitMemory gives the program with a maximum in its memory section, which
// the linker leaves open:
//
//	section id 5 | size | 1 memory | flags | minimum | maximum if flags is 1
//
// all but the id as unsigned LEB128.
func limitMemory(program []byte, pages uint64) ([]byte, error) {
	if len(program) < wasmHeader || string(program[:4]) != "\x00asm" {
		return nil, errNotWasm
	}
	for at := wasmHeader; at < len(program); {
		size, n := binary.Uvarint(program[at+1:])
		if n <= 0 || size > uint64(len(program)-at-1-n) {
			return nil, errNotWasm
		}
		body := at + 1 + n
		end := body + int(size)
		if program[at] != memorySection {
			at = end
			continue
		}
		section := program[body:end]
		if len(section) < 3 || section[0] != 1 || section[1] > hasMaximum {
			return nil, errNotWasm
		}
		minimum, n := binary.Uvarint(section[2:])
		if n <= 0 || minimum > pages {
			return nil, errNotWasm
		}
		limits := binary.AppendUvarint([]byte{1, hasMaximum}, minimum)
		limits = binary.AppendUvarint(limits, pages)
		limited := append([]byte(nil), program[:at]...)
		limited = binary.AppendUvarint(append(limited, memorySection), uint64(len(limits)))
		limited = append(limited, limits...)
		return append(limited, program[end:]...), nil
	}
	return nil, errNotWasm
}
