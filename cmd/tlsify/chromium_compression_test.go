//go:build pq && utls

package main

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"tlsify/engine/enginetest"
)

// TestChromiumCompression has a browser, which takes certificates compressed by
// brotli alone, get a long one in less than its length.
func TestChromiumCompression(t *testing.T) {
	needChromium(t)
	var names []string
	for i := range 300 {
		names = append(names, fmt.Sprintf("name-%d.%s", i, enginetest.Host))
	}
	c := enginetest.Issue(t, enginetest.PKI(t).Root, enginetest.CertOptions{DNS: names})
	cert, key := enginetest.WriteFiles(t, c, t.TempDir(), "names")
	l := newLaunch(t)
	tlsify := l.start("listen", "--engine", "pq", "--cert", cert, "--key", key, "127.0.0.1:0", "--", "sh", "-c", page)
	address, sent := counted(t, tlsify.await("listening"))
	dom, said := browse(t, "", address, "--ignore-certificate-errors")
	if !strings.Contains(dom, "<p>X25519MLKEM768</p>") {
		t.Fatalf("the page is %q: %s; %s", dom, said, tlsify.report())
	}
	becomes(func() bool { return sent.Load() > 0 })
	if n, whole := sent.Load(), int64(len(c.Chain[0])); n < 1000 || n > whole {
		t.Errorf("%d bytes were sent for a certificate of %d", n, whole)
	}
}

// counted is a way to an address that counts what comes from there on the first
// connection with an end.
func counted(t *testing.T, address string) (string, *atomic.Int64) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	sent := &atomic.Int64{}
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp4", address)
			if err != nil {
				from.Close()
				continue
			}
			go func() {
				io.Copy(to, from)
				to.(*net.TCPConn).CloseWrite()
			}()
			go func() {
				n, _ := io.Copy(from, to)
				from.Close()
				sent.CompareAndSwap(0, n)
			}()
		}
	}()
	return l.Addr().String(), sent
}
