package bench

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tlsify/engine/enginetest"
)

// The record that ends a handshake is found, however the stream is cut.
func TestRecordKinds(t *testing.T) {
	stream := []byte{22, 3, 1, 0, 3, 23, 23, 23, 20, 3, 3, 0, 1, 1, 22, 3, 3, 0, 0, 23, 3, 3, 0, 1, 9}
	const at = 19
	for size := 1; size <= len(stream); size++ {
		var r recordKinds
		for i := 0; i < len(stream); i += size {
			end := min(i+size, len(stream))
			if got, want := r.see(stream[i:end]), end > at; got != want {
				t.Fatalf("pieces of %d, at %d: %v", size, i, got)
			} else if got {
				break
			}
		}
	}
}

// A handshake that takes its time is measured, under both versions, and nothing
// else is: neither the wait before it nor what comes after.
func TestTap(t *testing.T) {
	const slow = 80 * time.Millisecond
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := &tls.Config{Certificates: []tls.Certificate{enginetest.TLSCertificate(enginetest.Chain(t, "good"))}, MaxVersion: version}
		config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
			time.Sleep(slow)
			return nil, nil
		}
		listener, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		go func() {
			for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
				go func() {
					secure := tls.Server(conn, config)
					io.Copy(secure, secure)
				}()
			}
		}()
		tap, err := newTap(listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer tap.listener.Close()
		raw, err := net.Dial("tcp4", tap.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		time.Sleep(2 * slow)
		began := time.Now()
		conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, MaxVersion: version})
		if _, err := conn.Write([]byte("there and back")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, make([]byte, 14)); err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		seen, err := tap.next()
		if err != nil || seen.handshake < slow || seen.handshake > took || seen.connect <= 0 {
			t.Errorf("%x: %+v, %v", version, seen, err)
		}
	}
}

// Against somebody's server the system's roots are those that the distribution has,
// wherever it keeps them.
func TestForeignRoots(t *testing.T) {
	file := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	usual := distributionBundles
	defer func() { distributionBundles = usual }()
	distributionBundles = []string{"/nowhere/roots.pem", file}
	target, err := Foreign{Address: "127.0.0.1:443"}.target(&Rig{})
	if err != nil || target.Store.File != file {
		t.Errorf("%+v, %v", target, err)
	}
	distributionBundles = nil
	if _, err := (Foreign{Address: "127.0.0.1:443"}).target(&Rig{}); err == nil {
		t.Error("a system without roots")
	}
}
