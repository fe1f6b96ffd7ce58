package signer

import (
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Stream is what a signer is asked on.
type Stream interface {
	io.ReadWriteCloser
	SetDeadline(time.Time) error
}

// Client is the asking side of a stream.
type Client struct {
	stream Stream
	limit  time.Duration // how long a signature may take

	mu  sync.Mutex
	err error // the first
}

// NewClient asks on a stream, which becomes its own.
func NewClient(stream Stream, limit time.Duration) *Client {
	return &Client{stream: stream, limit: limit}
}

// Err is why the signer has not done what it was asked for, or nil.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the stream. No key signs any more.
func (c *Client) Close() error { return c.stream.Close() }

// ask puts a request and returns the answer, which is not empty.
func (c *Client) ask(r *request, limit time.Duration) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, c.err // the stream may be in the middle of an answer
	}
	c.stream.SetDeadline(time.Now().Add(limit))
	err := WriteFrame(c.stream, r.marshal())
	var answer []byte
	if err == nil {
		answer, err = readFrame(c.stream, frameLimit)
	}
	switch {
	case err == nil && len(answer) > 0:
		return answer, nil
	case err == nil:
		c.err = errors.New("the signer refuses")
	case err == io.EOF || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE):
		c.err = errors.New("the signer has ended")
	default:
		c.err = fmt.Errorf("the signer does not answer: %w", err)
	}
	return nil, c.err
}

// Key is a private key of a signer's. It is a crypto.MessageSigner: the signer
// wants to see what it signs.
type Key struct {
	client *Client
	spki   []byte
	public crypto.PublicKey
}

// Key is the key whose public side is in a certificate: spki is its
// SubjectPublicKeyInfo, DER, and public the same, parsed.
func (c *Client) Key(spki []byte, public crypto.PublicKey) *Key {
	return &Key{c, spki, public}
}

func (k *Key) Public() crypto.PublicKey { return k.public }

// Probe asks whether the signer has the key. The answer may take until limit.
func (k *Key) Probe(limit time.Duration) error {
	_, err := k.client.ask(&request{key: sha256.Sum256(k.spki), probe: true}, limit)
	return err
}

// SignMessage has the signer sign a message. Random is not used.
func (k *Key) SignMessage(random io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	scheme, err := schemeFor(k.public, opts)
	if err != nil {
		return nil, err
	}
	return k.client.ask(&request{key: sha256.Sum256(k.spki), scheme: scheme, message: message}, k.client.limit)
}

// Sign fails: from a hash nobody can tell what is signed.
func (k *Key) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("a signer signs messages, not hashes")
}

// Named tells whether a --key is with a signer, and with which.
func Named(key string) (which string, ok bool) { return strings.CutPrefix(key, "signer:") }
