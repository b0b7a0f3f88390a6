package wal

import (
	"bufio"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

const (
	// Version is the version of the log's format. Version 1 is read too.
	Version = 2

	magic      = "tabraft\n"
	headerSize = 32
	// headerSize1 is that of version 1, which has no whole.
	headerSize1 = 24
	saltSize    = 8
	// recordHeader is the length of what precedes a payload.
	recordHeader = 12
	// saveHeader is the length of what precedes a save in a payload.
	saveHeader = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var (
	// ErrVersion: a file is of a version that this program does not know.
	ErrVersion = errors.New("unknown version")
	// ErrCorrupt: a file is damaged in a way that no crash explains.
	ErrCorrupt = errors.New("damaged")
)

// header is what a log begins with.
type header struct {
	salt []byte
	size int64 // of the header
	// whole is how much of the file was on the disk before it became the log:
	// no crash damages that.
	whole int64
}

// newHeader makes the beginning of a log that comes into being with its first
// whole bytes.
func newHeader(whole int64) []byte {
	var salt [saltSize]byte
	rand.Read(salt[:]) // never fails
	h := binary.BigEndian.AppendUint32([]byte(magic), Version)
	h = append(h, salt[:]...)
	h = binary.BigEndian.AppendUint64(h, uint64(whole))
	return binary.BigEndian.AppendUint32(h, crc32.Checksum(h, castagnoli))
}

func readHeader(b []byte) (header, error) {
	h := header{size: headerSize1, whole: headerSize1}
	if len(b) < headerSize1 || string(b[:len(magic)]) != magic {
		return h, fmt.Errorf("offset 0: %w: not the beginning of a log", ErrCorrupt)
	}
	switch v := binary.BigEndian.Uint32(b[8:]); v {
	case 1:
	case Version:
		h.size = headerSize
	default:
		return h, fmt.Errorf("%w %d, this program reads versions 1 to %d", ErrVersion, v, Version)
	}
	if int64(len(b)) < h.size {
		return h, fmt.Errorf("offset 0: %w: the header is cut off", ErrCorrupt)
	}
	sum := h.size - 4
	if crc32.Checksum(b[:sum], castagnoli) != binary.BigEndian.Uint32(b[sum:]) {
		return h, fmt.Errorf("offset 0: %w: the header's checksum is wrong", ErrCorrupt)
	}
	h.salt = b[12:20]
	if h.size == headerSize {
		h.whole = int64(binary.BigEndian.Uint64(b[20:]))
	}
	return h, nil
}

// check is what the record at offset with a payload of length bytes carries.
func check(salt []byte, offset int64, length uint32) uint32 {
	var b [saltSize + 12]byte
	copy(b[:], salt)
	binary.BigEndian.PutUint64(b[saltSize:], uint64(offset))
	binary.BigEndian.PutUint32(b[saltSize+8:], length)
	return crc32.Checksum(b[:], castagnoli)
}

// sealRecord fills in the header of a record to be written at offset. The
// record begins with recordHeader bytes left free.
func sealRecord(record, salt []byte, offset int64) {
	length := uint32(len(record) - recordHeader)
	binary.BigEndian.PutUint32(record, length)
	binary.BigEndian.PutUint32(record[4:], check(salt, offset, length))
	binary.BigEndian.PutUint32(record[8:], crc32.Checksum(record[recordHeader:], castagnoli))
}

// appendSave appends the bytes of a save, made by encode, to a record.
func appendSave(record []byte, encode func([]byte) []byte) []byte {
	at := len(record)
	record = encode(append(record, 0, 0, 0, 0))
	binary.BigEndian.PutUint32(record[at:], uint32(len(record)-at-saveHeader))
	return record
}

// eachSave calls f for every save of a payload.
func eachSave(payload []byte, f func(save []byte) error) error {
	for len(payload) > 0 {
		if len(payload) < saveHeader {
			return errors.New("a save's length is cut off")
		}
		n := binary.BigEndian.Uint32(payload)
		payload = payload[saveHeader:]
		if uint64(n) > uint64(len(payload)) {
			return fmt.Errorf("a save of %d bytes in a payload with %d left", n, len(payload))
		}
		if err := f(payload[:n:n]); err != nil {
			return err
		}
		payload = payload[n:]
	}
	return nil
}

// replay reads a log of size bytes and calls f for every save in it. It returns
// the offset at which the sound records end; what is behind that, if anything,
// was being written when the server crashed. Each record's saves alias one
// slice of their own.
func replay(log io.ReaderAt, size int64, f func(save []byte) error) (salt []byte, end int64, err error) {
	head := make([]byte, min(size, headerSize))
	if _, err := log.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil, 0, err
	}
	h, err := readHeader(head)
	if err != nil {
		return nil, 0, err
	}
	salt, end = h.salt, h.size
	in := bufio.NewReaderSize(io.NewSectionReader(log, end, size-end), 1<<20)
	for end < size {
		payload, torn, err := readRecord(in, salt, end, size)
		if err != nil {
			return nil, 0, err
		}
		if torn == "" {
			if err := eachSave(payload, f); err != nil {
				return nil, 0, fmt.Errorf("offset %d: %w: %w", end, ErrCorrupt, err)
			}
			end += recordHeader + int64(len(payload))
			continue
		}
		if end < h.whole {
			return nil, 0, fmt.Errorf("offset %d: %w: %s, among the %d bytes that were there from the beginning", end, ErrCorrupt, torn, h.whole)
		}
		later, found, err := findRecord(log, salt, end+1, size)
		if err != nil {
			return nil, 0, err
		}
		if found {
			return nil, 0, fmt.Errorf("offset %d: %w: %s, yet there is another record at %d", end, ErrCorrupt, torn, later)
		}
		break
	}
	if end < h.whole {
		return nil, 0, fmt.Errorf("offset %d: %w: the log is cut off, %d bytes were there from the beginning", end, ErrCorrupt, h.whole)
	}
	return salt, end, nil
}

// readRecord reads the record at offset; torn says what is wrong with it.
func readRecord(in io.Reader, salt []byte, offset, size int64) (payload []byte, torn string, err error) {
	var h [recordHeader]byte
	if size-offset < recordHeader {
		return nil, "a record's header is cut off", nil
	}
	if _, err := io.ReadFull(in, h[:]); err != nil {
		return nil, "", err
	}
	length := binary.BigEndian.Uint32(h[:])
	switch {
	case binary.BigEndian.Uint32(h[4:]) != check(salt, offset, length):
		return nil, "a record's header is damaged", nil
	case length == 0 || length > maxPayload:
		return nil, fmt.Sprintf("a record of %d bytes", length), nil
	case int64(length) > size-offset-recordHeader:
		return nil, "a record is cut off", nil
	}
	payload = make([]byte, length)
	if _, err := io.ReadFull(in, payload); err != nil {
		return nil, "", err
	}
	if crc32.Checksum(payload, castagnoli) != binary.BigEndian.Uint32(h[8:]) {
		return nil, "a record's checksum is wrong", nil
	}
	return payload, "", nil
}

// findRecord looks for the header of a record at offset from or later.
func findRecord(log io.ReaderAt, salt []byte, from, size int64) (offset int64, found bool, err error) {
	const step = 1 << 20
	buf := make([]byte, step+7)
	for ; from < size; from += step {
		n, err := log.ReadAt(buf[:min(int64(len(buf)), size-from)], from)
		if err != nil && err != io.EOF {
			return 0, false, err
		}
		for i := 0; i+8 <= n; i++ {
			length := binary.BigEndian.Uint32(buf[i:])
			if length == 0 || length > maxPayload {
				continue
			}
			at := from + int64(i)
			if binary.BigEndian.Uint32(buf[i+4:]) == check(salt, at, length) {
				return at, true, nil
			}
		}
	}
	return 0, false, nil
}
