package client

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"tabraft/signaling"
)

const (
	nonceBytes = 12
	tagBytes   = 16
	// sealBytes is what sealing adds to a payload: the nonce and the tag.
	sealBytes = nonceBytes + tagBytes
	// MaxPayload is the most that [Room.Seal] and [Client.Send] take, in bytes.
	MaxPayload = signaling.MaxPayloadBytes - sealBytes
)

// What can go wrong in sealing and opening.
var (
	ErrTooLarge = fmt.Errorf("the payload is too large for signaling: at most %d bytes", MaxPayload)
	ErrNotOurs  = errors.New("the payload was not sealed with this room's key for this receiver by this sender")
)

// Seal encrypts payload from one life of one peer to another peer of the room, so that nobody without the room's key can read it, alter it,
// or pass it off as somebody else's or as meant for somebody else: a random nonce of 12 bytes, then AES-256-GCM. The error is [ErrTooLarge].
func (r Room) Seal(from, fromIncarnation, to string, payload []byte) ([]byte, error) {
	if len(payload) > MaxPayload {
		return nil, ErrTooLarge
	}
	nonce := make([]byte, nonceBytes, len(payload)+sealBytes)
	rand.Read(nonce) // never fails
	return r.sealWith(nonce, from, fromIncarnation, to, payload), nil
}

func (r Room) sealWith(nonce []byte, from, fromIncarnation, to string, payload []byte) []byte {
	return r.aead().Seal(nonce, nonce, payload, []byte(from+fromIncarnation+to))
}

// Open undoes [Room.Seal]. The error is [ErrNotOurs].
func (r Room) Open(from, fromIncarnation, to string, sealed []byte) ([]byte, error) {
	if len(sealed) < sealBytes {
		return nil, ErrNotOurs
	}
	payload, err := r.aead().Open(nil, sealed[:nonceBytes], sealed[nonceBytes:], []byte(from+fromIncarnation+to))
	if err != nil {
		return nil, ErrNotOurs
	}
	return payload, nil
}

// aead derives the cipher from the room's key. The lengths are constants that the constructors accept, so their errors cannot happen.
func (r Room) aead() cipher.AEAD {
	key, err := hkdf.Key(sha256.New, r.Key[:], nil, "tabraft signaling seal", 32)
	if err != nil {
		panic(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}
