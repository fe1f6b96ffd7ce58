package std

import (
	"crypto/tls"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"tlsify/engine"
	"tlsify/engine/enginetest"
)

// A session file is bound to the library's version, so that none of another Go
// is ever offered.
func TestLibraryNamesTheGo(t *testing.T) {
	if library := New().Library(); !strings.HasSuffix(library, runtime.Version()) {
		t.Errorf("the library is %q, of %s", library, runtime.Version())
	}
}

// Should one of another Go be offered all the same, and a ticket be opened that
// a server with another Go has sealed with our key, nothing comes of it that
// ends a connection. These are of go1.26.8, for the ticket key that is 1 and
// zeros and the name tlsify.test, with a certificate for 200 years. They have
// been too old to be resumed since a week after they were made.
func TestSessionsOfAnotherGo(t *testing.T) {
	files, err := filepath.Glob("testdata/go*.session")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		offered, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		version := uint16(tls.VersionTLS13)
		if strings.Contains(file, "tls12") {
			version = tls.VersionTLS12
		}
		for name, ticket := range map[string][]byte{"whole": offered, "with a byte more": append(offered[:len(offered):len(offered)], 0), "cut": offered[:len(offered)-1]} {
			s := newScene(t)
			s.client.Ticket, s.client.KeepTicket = ticket, func([]byte) {}
			s.server.TicketKeys = [][32]byte{{1}}
			ours, theirs := enginetest.TCPPair(t)
			served := make(chan error, 1)
			go func() {
				session, err := New().Server(t.Context(), theirs, &s.server)
				if err == nil {
					_, err = session.Write([]byte("x"))
				}
				served <- err
			}()
			if version == tls.VersionTLS12 {
				conn := tls.Client(ours, &tls.Config{InsecureSkipVerify: true, MaxVersion: version, ServerName: enginetest.Host,
					ClientSessionCache: newOneTicket(&s.client)})
				_, err = io.ReadFull(conn, make([]byte, 1))
			} else {
				var session engine.Session
				if session, err = New().Client(t.Context(), ours, &s.client); err == nil {
					_, err = io.ReadFull(session, make([]byte, 1))
				}
			}
			if serverErr := <-served; err != nil || serverErr != nil {
				t.Errorf("%s, %s: client: %v; server: %v", file, name, err, serverErr)
			}
		}
	}
}
