package dial

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// playing is a server that says the next of its pieces whenever it is told
// something, and then nothing more.
type playing struct {
	pieces [][]byte
	ready  []byte
	given  int // bytes that were read of it
	piece  int // the most that one read gives
}

func newPlaying(piece int, pieces ...[]byte) *playing {
	return &playing{pieces: pieces[1:], ready: pieces[0], piece: piece}
}

func (p *playing) SetDeadline(time.Time) error { return nil }

func (p *playing) Read(b []byte) (int, error) {
	if len(p.ready) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.ready[:min(len(p.ready), p.piece)])
	p.ready = p.ready[n:]
	p.given += n
	return n, nil
}

func (p *playing) WaitReadable() error {
	if len(p.ready) == 0 {
		return os.ErrDeadlineExceeded
	}
	return nil
}

func (p *playing) Write(b []byte) (int, error) {
	if len(p.pieces) > 0 {
		p.ready = append(slices.Clip(p.ready), p.pieces[0]...)
		p.pieces = p.pieces[1:]
	}
	return len(b), nil
}

// Whatever a server says: there is a limit to what is read, an error is short
// and printable, and a yes is one only as it is, to the byte: with one less it
// is none, and with one more it is an injection.
func FuzzDialogue(f *testing.F) {
	for protocol, list := range good {
		for _, g := range list {
			says := []string{"", "", "", ""}
			for i, now := range g.turns {
				says[i] = now.say
			}
			f.Add(uint8(slices.Index(StarttlsProtocols(), protocol)), []byte(says[0]), []byte(says[1]), []byte(says[2]))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, a, b, c []byte) {
		protocol := StarttlsProtocols()[int(which)%len(dialogues)]
		negotiate := func(piece int, pieces ...[]byte) (*playing, error) {
			p := newPlaying(piece, pieces...)
			return p, Starttls(context.Background(), p, protocol, "peer.test")
		}
		p, err := negotiate(1<<20, a, b, c)
		if p.given > totalLimit {
			t.Errorf("%d bytes were read", p.given)
		}
		if err != nil {
			// Words are quoted as ASCII: at most ten characters for a byte.
			if text := err.Error(); len(text) > 10*wordsLimit+200 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("the error is %q", text)
			}
			return
		}
		if len(p.ready) > 0 {
			t.Errorf("%q was not looked at", p.ready)
		}
		pieces := [][]byte{a, b, c}
		used := 3 - len(p.pieces) // those that the server came to say
		last := used - 1
		for last > 0 && len(pieces[last]) == 0 {
			last--
		}
		if _, err := negotiate(1, a, b, c); err != nil {
			t.Errorf("byte by byte it is %v", err)
		}
		pieces[last] = append(slices.Clip(pieces[last]), 'x')
		if _, err := negotiate(1<<20, pieces...); err == nil {
			t.Errorf("with a byte more it is accepted, too")
		}
		pieces = [][]byte{a, b, c}
		if len(pieces[last]) > 0 {
			pieces[last] = pieces[last][:len(pieces[last])-1]
			for i := last + 1; i < 3; i++ {
				pieces[i] = nil
			}
			if _, err := negotiate(1<<20, pieces...); err == nil || errors.Is(err, errBehind) {
				t.Errorf("with a byte less it is %v", err)
			}
		}
	})
}
