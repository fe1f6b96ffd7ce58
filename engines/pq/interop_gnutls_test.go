package pq

import (
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"testing"

	"tlsify/engine"
	"tlsify/engine/enginetest"
)

// gnutls-cli as the peer: the one that speaks record_size_limit.
func TestServerWithGnuTLS(t *testing.T) {
	name, err := exec.LookPath("gnutls-cli")
	if err != nil {
		t.Skip("no gnutls-cli in PATH")
	}
	for _, kind := range classicalKinds {
		t.Run(kind, func(t *testing.T) {
			cert, _ := writeIdentity(t, testIdentity(kind))
			_, s := configs(kind)
			s.TicketKeys = [][32]byte{{5}}
			port, accepted := listen(t, s)
			p := start(t, name, "--x509cafile", cert, "--sni-hostname", testName, "--verify-hostname", testName,
				"--port", port, "--recordsize", "1024", "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.3", "--resume", "--waitresumption", "127.0.0.1")
			first := accepted()
			if _, err := first.Read(make([]byte, 1)); err != io.EOF {
				t.Fatalf("the first connection, which is only for its ticket: %v", err)
			}
			first.CloseWrite()
			session := accepted()
			if !session.State().Resumed {
				t.Error("not resumed")
			}
			if limit := session.(interface{ recordLimit() int }).recordLimit(); limit >= 1<<14 {
				t.Errorf("records of %d bytes", limit)
			}
			fmt.Fprintln(p.in, "hello")
			line(t, session, "hello\n")
			session.Write(append(bytes.Repeat([]byte("x"), 50000), '\n'))
			if got := p.expect(t, "xxx"); len(got) != 50000-3 {
				t.Errorf("%d bytes came", len(got))
			}
			session.CloseWrite()
		})
	}
}

func (s *session) recordLimit() int { return s.Keys().RecordLimit }

// TestClientWithGnuTLS has a server that allows us small records, asks for a
// certificate, and resumes.
func TestClientWithGnuTLS(t *testing.T) {
	name, err := exec.LookPath("gnutls-serv")
	if err != nil {
		t.Skip("no gnutls-serv in PATH")
	}
	for _, kind := range classicalKinds {
		t.Run(kind, func(t *testing.T) {
			cert, key := writeIdentity(t, testIdentity(kind))
			port := enginetest.FreePort(t)
			start(t, name, "--echo", "--port", port, "--x509certfile", cert, "--x509keyfile", key, "--x509cafile", cert,
				"--require-client-cert", "--verify-client-cert", "--recordsize", "512", "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.3")
			enginetest.AwaitPort(t, port)
			c, _ := configs(kind)
			c.Identities = []*engine.Identity{testIdentity(kind)}
			c.KeepTicket = func(ticket []byte) { c.Ticket = ticket }
			for i := range 2 {
				session := dial(t, port, c)
				if session.State().Resumed != (i > 0) {
					t.Errorf("connection %d: resumed %v", i, session.State().Resumed)
				}
				fmt.Fprintln(session, "hello")
				line(t, session, "hello\n")
				session.CloseWrite()
			}
		})
	}
}
