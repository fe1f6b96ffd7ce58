package dial

import (
	"bufio"
	"encoding/base64"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

const (
	testUser     = "jo smith"
	testPassword = "s3cret:p@ss"
)

// scripted is a proxy that answers each message with the next one of its
// answers, and then echoes, and notes what it is told. An answer that ends with
// CLOSE, RESET or SILENCE is its last; DRIP is a head that never ends, slowly.
type scripted struct {
	answers []string
	told    notes
}

func (s *scripted) handle(conn net.Conn) {
	r := bufio.NewReader(conn)
	for i, answer := range s.answers {
		message, err := readMessage(r, i == 0)
		s.told.add(message)
		if err != nil {
			return
		}
		if answer == "DRIP" {
			for answer = "HTTP/1.1 200 OK\r\nX: y"; err == nil; answer = "y" {
				_, err = io.WriteString(conn, answer)
				time.Sleep(time.Millisecond)
			}
			return
		}
		if text, ok := strings.CutSuffix(answer, "CLOSE"); ok {
			io.WriteString(conn, text)
			return
		} else if text, ok := strings.CutSuffix(answer, "SILENCE"); ok {
			io.WriteString(conn, text)
			io.Copy(io.Discard, r)
			return
		} else if answer == "RESET" {
			reset(conn)
			return
		}
		io.WriteString(conn, answer)
	}
	io.Copy(conn, r)
}

// readMessage reads one message of a client's: of HTTP to the empty line, or
// one of SOCKS5, in which the first one lists methods.
func readMessage(r *bufio.Reader, first bool) (string, error) {
	var message []byte
	take := func(n int) byte {
		b := make([]byte, n)
		io.ReadFull(r, b)
		message = append(message, b...)
		return b[n-1]
	}
	start, err := r.Peek(1)
	switch {
	case err != nil:
	case start[0] == 'C':
		for err == nil && !strings.HasSuffix(string(message), "\r\n\r\n") {
			var line []byte
			line, err = r.ReadBytes('\n')
			message = append(message, line...)
		}
	case start[0] == socksVersion && first:
		take(1)
		take(int(take(1)))
	case start[0] == socksVersion:
		switch take(4) {
		case addressIPv4:
			take(4 + 2)
		case addressIPv6:
			take(16 + 2)
		case addressName:
			take(int(take(1)) + 2)
		}
	case start[0] == passwordVersion:
		take(1)
		take(int(take(1)))
		take(int(take(1)))
	}
	return string(message), err
}

// proxyAt is the proxy SCHEME://[USER@]127.0.0.1:PORT.
func proxyAt(t testing.TB, scheme, port string, withUser bool) *Proxy {
	t.Helper()
	user := ""
	if withUser {
		user = "jo%20smith@"
	}
	p, err := ParseProxy(scheme+"://"+user+"127.0.0.1:"+port, true)
	if err != nil {
		t.Fatal(err)
	}
	if withUser {
		if err := p.SetPassword(testPassword); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// noSecret checks that a text has neither user nor password in it, in any form.
func noSecret(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{testPassword, "s3cret", testUser, base64.StdEncoding.EncodeToString([]byte(testUser + ":" + testPassword))} {
		if strings.Contains(text, secret) {
			t.Errorf("the secret is in %q", text)
		}
	}
}
