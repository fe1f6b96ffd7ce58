package pq

import (
	"bytes"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/crypto/cryptobyte"

	"tlsify/engine"
	"tlsify/engine/enginetest"
	"tlsify/engines/brotli"
	"tlsify/engines/zlib"
)

// manyNames is a certificate of a kind that is worth compressing.
func manyNames(t testing.TB) *engine.Identity {
	t.Helper()
	return enginetest.Identity(manyNamesOf(t, enginetest.PKI(t).Root))
}

func manyNamesOf(t testing.TB, issuer *enginetest.Authority) *enginetest.Credential {
	t.Helper()
	names := []string{testName}
	for i := range 100 {
		names = append(names, fmt.Sprintf("host-%d.department.example", i))
	}
	return enginetest.Issue(t, issuer, enginetest.CertOptions{DNS: names})
}

// counting counts what is written to a connection.
type counting struct {
	net.Conn
	n int
}

func (c *counting) Write(p []byte) (int, error) {
	c.n += len(p)
	return c.Conn.Write(p)
}

// Both sides compress for the other, by each algorithm, and not for one that asks
// for none of ours.
func TestCertificateCompression(t *testing.T) {
	id := manyNames(t)
	sent := map[uint16][2]int{}
	for _, algorithm := range []uint16{0x7777, 1, 2} {
		e := newEngine(preferences{compressions: []uint16{algorithm}, more: withBrotli})
		c := &engine.ClientConfig{Config: engine.Config{Verify: expectPeer(id)}, ServerName: testName, Identities: []*engine.Identity{id}}
		s := &engine.ServerConfig{Config: engine.Config{Verify: expectPeer(id)}, Identities: []*engine.Identity{id}, ClientAuth: engine.ClientAuthRequire}
		clientConn, serverConn := pair(t)
		client, server := &counting{Conn: clientConn}, &counting{Conn: serverConn}
		done := make(chan error, 1)
		go func() {
			_, err := e.Server(t.Context(), server, s)
			done <- err
		}()
		if _, err := e.Client(t.Context(), client, c); err != nil {
			t.Fatalf("%d: %v", algorithm, err)
		}
		if err := <-done; err != nil {
			t.Fatalf("%d: %v", algorithm, err)
		}
		sent[algorithm] = [2]int{client.n, server.n}
	}
	t.Logf("sent by client and server: %v", sent)
	for algorithm, n := range sent {
		for side, whole := range sent[0x7777] {
			if saved := whole - n[side]; algorithm < 4 && saved < 2000 {
				t.Errorf("algorithm %d saves %d bytes of %d", algorithm, saved, whole)
			}
		}
	}
}

// A client offers every algorithm of the build, in our order.
func TestCompressionIsOffered(t *testing.T) {
	for want, e := range map[string]*pqEngine{"[3 1]": newEngine(preferences{}), "[2 3 1]": newEngine(preferences{more: withBrotli})} {
		c := &engine.ClientConfig{Config: engine.Config{Verify: expectPeer(nil)}, ServerName: testName}
		h := &clientHandshake{handshake: e.handshake(nil, &c.Config, false), cfg: c}
		if err := h.makeHello(); err != nil || fmt.Sprint(h.hello.compressCerts) != want {
			t.Errorf("%v is offered, want %s: %v", h.hello.compressCerts, want, err)
		}
	}
}

// What is short, or no shorter compressed, goes as it is.
func TestNotWorthCompressing(t *testing.T) {
	for name, content := range map[string][]byte{"short": make([]byte, fewToCompress-1), "random": randomBytes(5000)} {
		if got := compressCertificate(compressions, content, nil, []uint16{1, 2, 3}); !bytes.Equal(got, content) {
			t.Errorf("%s: it was compressed", name)
		}
	}
	if got := compressCertificate(compressions, make([]byte, 5000), nil, []uint16{9}); len(got) != 5000 {
		t.Error("it was compressed by an algorithm that we do not have")
	}
}

// Of a chain that is keys and signatures only, as those of ML-DSA, no compressor is
// asked: it took longer than the signature, in each handshake, and for nothing.
func TestNotCompressedInVain(t *testing.T) {
	names := manyNames(t)
	for kind, tt := range map[string]struct {
		chain [][]byte
		asks  bool
	}{
		"ML-DSA-44":                  {slices.Concat(testIdentity("mldsa44").Chain, testIdentity("mldsa44").Chain), false},
		"RSA":                        {slices.Concat(testIdentity("rsa").Chain, testIdentity("rsa").Chain), true},
		"many names":                 {names.Chain, true},
		"ML-DSA-44 and many names":   {slices.Concat(names.Chain, testIdentity("mldsa44").Chain), true},
		"something that is no chain": {[][]byte{make([]byte, 5000)}, true},
	} {
		raw := must((&certificateMessage{chain: tt.chain}).marshal())
		asked := false
		compressor := []Compression{{ID: 1, Compress: func(plain []byte) ([]byte, error) {
			asked = true
			return zlib.Compress(plain)
		}}}
		sent := compressCertificate(compressor, raw, tt.chain, []uint16{1})
		if asked != tt.asks || asked == bytes.Equal(sent, raw) {
			t.Errorf("%s: asked %t, and %d bytes of %d are sent", kind, asked, len(sent), len(raw))
		}
	}
}

// pretendCompressed makes a CompressedCertificate.
func pretendCompressed(algorithm uint16, length int, content []byte) []byte {
	var b cryptobyte.Builder
	b.AddUint8(typeCompressedCertificate)
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint16(algorithm)
		b.AddUint24(uint32(length))
		addOpaque24(b, content)
	})
	return b.BytesOrPanic()
}

// A bomb costs no more than what it announces, and that has its limit. What is damaged is
// not taken.
func TestCompressionBombs(t *testing.T) {
	zeros := make([]byte, 2<<20)
	frame := func(n int, options ...zstd.EOption) []byte {
		w := must(zstd.NewWriter(nil, options...))
		defer w.Close()
		return w.EncodeAll(zeros[:n], nil)
	}
	stream := func(n int, options ...zstd.EOption) []byte {
		var b bytes.Buffer
		w := must(zstd.NewWriter(&b, options...))
		w.Write(zeros[:1])
		w.Flush() // so that its length is not known at its head
		w.Write(zeros[1:n])
		w.Close()
		return b.Bytes()
	}
	padded := func(content []byte) []byte { return append(content, make([]byte, 8000)...) }
	wrongSum := must(zlib.Compress([]byte("certificate")))
	wrongSum[len(wrongSum)-1] ^= 1
	const most = maxCertificateMessage
	for name, raw := range map[string][]byte{
		"more than the limit":        pretendCompressed(1, most+1, make([]byte, most)),
		"a ratio above the limit":    pretendCompressed(1, 2*maxRatio+1, []byte{1, 2}),
		"zlib, of nothing but zeros": pretendCompressed(1, 100<<10, must(zlib.Compress(zeros[:100<<10]))),
		"zlib, 2 MiB":                pretendCompressed(1, most, must(zlib.Compress(zeros))),
		"zlib, another checksum":     pretendCompressed(1, len("certificate"), wrongSum),
		"zstd, 2 MiB":                pretendCompressed(3, most, padded(frame(2<<20))),
		"zstd, 2 MiB, not announced": pretendCompressed(3, most, padded(stream(2<<20, zstd.WithWindowSize(8<<20)))),
		"zstd, a large window":       pretendCompressed(3, most, padded(stream(most, zstd.WithWindowSize(512<<20)))),
		"zstd, two frames":           pretendCompressed(3, most, padded(append(frame(most), frame(most)...))),
		"zstd, too little":           pretendCompressed(3, most, padded(frame(most-1))),
		"brotli":                     pretendCompressed(2, 100, bytes.Repeat([]byte("junk"), 10)),
		"brotli, 2 MiB":              pretendCompressed(2, most, padded(must(brotli.Compress(zeros)))),
		"brotli, too little":         pretendCompressed(2, most, padded(must(brotli.Compress(zeros[1:most])))),
		"junk":                       pretendCompressed(3, 100, bytes.Repeat([]byte("junk"), 10)),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := decompressCertificate(slices.Concat(withBrotli, compressions), raw, most)
		runtime.ReadMemStats(&after)
		cost := (after.TotalAlloc - before.TotalAlloc) >> 10
		t.Logf("%s: %d KiB, %v", name, cost, err)
		if err == nil {
			t.Errorf("%s: it was taken", name)
		}
		if cost > 4<<10 {
			t.Errorf("%s: %d KiB were allocated", name, cost)
		}
	}
}

// The limit of a client that nobody knows holds for what it compresses.
func TestCompressedClientCertificateLimit(t *testing.T) {
	content := append(bytes.Repeat([]byte{0}, maxClientCertificate), randomBytes(1<<14)...)
	raw := compressCertificate(compressions, append([]byte{typeCertificate, 2, 0x40, 0}, content...), nil, []uint16{1})
	if raw[0] != typeCompressedCertificate {
		t.Fatal("it was not compressed")
	}
	if _, err := decompressCertificate(compressions, raw, maxClientCertificate); err == nil || !strings.Contains(err.Error(), "compressed certificate of") {
		t.Error(err)
	}
	if _, err := decompressCertificate(compressions, raw, maxCertificateMessage); err != nil {
		t.Error(err)
	}
}
