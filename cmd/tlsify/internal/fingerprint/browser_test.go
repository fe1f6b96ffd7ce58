package fingerprint_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"tlsify/cmd/tlsify/internal/fingerprint"
	"tlsify/engine/enginetest"
	"tlsify/engine/enginetest/browser"
)

// A visit is what a browser said on its way through a page: a first ClientHello
// to each of the hosts, a later one, when it had a session of each, and one for a
// WebSocket.
type visit struct {
	cold, resumed []*fingerprint.Hello
	messages      map[*fingerprint.Hello][]byte
	socket        *fingerprint.Hello
}

// pageScript loads something of each host, and then again, and again as long as it
// is let: a browser in a hurry drops a connection before it has the ticket. Every
// answer ends its connection, so that each is one of its own.
const pageScript = `<!doctype html><title>tlsify</title><script>
let left = %[1]d, round = 0
const load = () => { for (let i = 0; i < %[1]d; i++) { const image = new Image(); image.onload = image.onerror = next
	image.src = "https://h" + String(i).padStart(3, "0") + ".tlsify.test:%[2]s/" + round } }
const next = () => { if (--left == 0) { round++; left = %[1]d; setTimeout(load, 200) } }
load(); new WebSocket("wss://socket.tlsify.test:%[2]s/")</script>`

// take starts a browser and has it say count ClientHellos of each kind.
func take(t *testing.T, b *browser.Browser, count int) *visit {
	t.Helper()
	root := enginetest.NewRoot(t, enginetest.CertOptions{})
	leaf := enginetest.Issue(t, root, enginetest.CertOptions{DNS: []string{"tlsify.test", "*.tlsify.test"}})
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	seen := serveAll(t, l, leaf, fmt.Sprintf(pageScript, count, port))
	stop := b.Start(t, browser.Options{Authority: root.PEM(), Page: "https://first.tlsify.test:" + port + "/"})
	defer stop()
	v := &visit{messages: map[*fingerprint.Hello][]byte{}}
	for limit := time.After(3 * patience); len(v.cold) < count || len(v.resumed) < count || v.socket == nil; {
		select {
		case h := <-seen:
			hello := parse(t, h.hello)
			v.messages[hello] = h.hello
			switch {
			case h.host == "first":
			case h.host == "socket":
				v.socket = hello
			case h.resumed:
				v.resumed = append(v.resumed, hello)
			default:
				v.cold = append(v.cold, hello)
			}
		case <-limit:
			t.Fatalf("%d and %d ClientHellos of %d: %s", len(v.cold), len(v.resumed), count, stop())
		}
	}
	v.cold, v.resumed = v.cold[:count], v.resumed[:count]
	return v
}

// serveAll answers every connection with the page, and says what it heard.
func serveAll(t *testing.T, l net.Listener, leaf *enginetest.Credential, page string) <-chan heard {
	config := &tls.Config{Certificates: []tls.Certificate{enginetest.TLSCertificate(leaf)}, NextProtos: []string{"http/1.1"}}
	// Each host's tickets are a byte longer than those of the one before: what
	// a browser pads shows its length at one of 32.
	config.WrapSession = func(cs tls.ConnectionState, state *tls.SessionState) ([]byte, error) {
		ticket, err := config.EncryptTicket(cs, state)
		return append(ticket, make([]byte, hostNumber(cs.ServerName))...), err
	}
	config.UnwrapSession = func(ticket []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
		return config.DecryptTicket(ticket[:max(0, len(ticket)-hostNumber(cs.ServerName))], cs)
	}
	seen, over := make(chan heard), make(chan struct{})
	var served sync.WaitGroup
	t.Cleanup(func() { l.Close(); close(over); served.Wait() })
	served.Go(func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			served.Go(func() {
				defer conn.Close()
				h, err := serve(conn, config, page)
				if err != nil {
					return // a browser drops connections that it comes to want no more
				}
				select {
				case seen <- h:
				case <-over:
				}
			})
		}
	})
	return seen
}

// hostNumber is that of h007.tlsify.test, and 0 of all else.
func hostNumber(name string) (n int) {
	fmt.Sscanf(name, "h%03d", &n)
	return n
}

// heard is a connection that a browser made.
type heard struct {
	hello   []byte
	host    string // without the domain
	resumed bool
}

// serve answers one request.
func serve(conn net.Conn, config *tls.Config, page string) (h heard, err error) {
	conn.SetDeadline(time.Now().Add(patience))
	if h.hello, err = fingerprint.ReadHello(conn); err != nil {
		return h, err
	}
	record := append(binary.BigEndian.AppendUint16([]byte{22, 3, 1}, uint16(len(h.hello))), h.hello...)
	server := tls.Server(&again{conn, io.MultiReader(bytes.NewReader(record), conn)}, config)
	request := make([]byte, 1<<14)
	n, err := server.Read(request)
	if err != nil {
		return h, fmt.Errorf("the browser's request: %w", err)
	}
	h.resumed = server.ConnectionState().DidResume
	if h.host, _, _ = strings.Cut(server.ConnectionState().ServerName, "."); h.host != "first" {
		page = ""
	}
	if !bytes.HasPrefix(request[:n], []byte("GET ")) {
		return h, errors.New("this is no request")
	}
	fmt.Fprintf(server, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(page), page)
	server.CloseWrite()
	io.Copy(io.Discard, io.LimitReader(server, 1<<16))
	return h, nil
}

// again is a connection of which something was read before.
type again struct {
	net.Conn
	in io.Reader
}

func (a *again) Read(p []byte) (int, error) { return a.in.Read(p) }
