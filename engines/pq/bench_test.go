package pq

import (
	"crypto/tls"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"tlsify/engine"
)

// BenchmarkHandshake is one full handshake, both sides, in this process;
// BenchmarkHandshakeStd is crypto/tls's with the same groups and certificate.
func BenchmarkHandshake(b *testing.B) {
	names, _ := New().Groups()
	for _, name := range names {
		b.Run(name, func(b *testing.B) {
			c, s := configs("p256")
			s.Groups, c.Groups = []string{name}, []string{name}
			if name == "X25519MLKEM768" {
				s.Groups, c.Groups = nil, nil // as the default is
			}
			measure(b, func() { oneHandshake(b, c, s) })
		})
	}
	for _, kind := range testKinds {
		b.Run(kind, func(b *testing.B) {
			c, s := configs(kind)
			measure(b, func() { oneHandshake(b, c, s) })
		})
	}
}

// BenchmarkWithoutCertificates is what stands in the place of certificates, and
// the certificates themselves, with the bytes that each side sends.
func BenchmarkWithoutCertificates(b *testing.B) {
	run := func(name string, c *engine.ClientConfig, s *engine.ServerConfig) {
		b.Run(name, func(b *testing.B) {
			var sent, received atomic.Int64
			measure(b, func() { handshakeCounted(b, c, s, &sent, &received) })
			b.ReportMetric(float64(sent.Load())/float64(b.N), "client-bytes/op")
			b.ReportMetric(float64(received.Load())/float64(b.N), "server-bytes/op")
		})
	}
	imported := testPSK("imported")
	imported.Imported = true
	for _, p := range []*engine.PSK{testPSK("external"), imported} {
		c, s := withPSK(p)
		run("psk-"+string(p.Identity), c, s)
	}
	for _, kind := range []string{"p256", "ed25519", "mldsa65"} {
		c, s := rawConfigs(kind)
		s.TicketKeys = nil
		run("raw-both-"+kind, c, s)
		c, s = rawConfigs(kind)
		c.Identities, s.ClientAuth, s.TicketKeys = nil, engine.ClientAuthNone, nil
		run("raw-"+kind, c, s)
		c, s = configs(kind)
		run("certificate-"+kind, c, s)
	}
}

// counted counts what goes over a client's connection.
type counted struct {
	net.Conn
	sent, received *atomic.Int64
}

func (c *counted) Write(p []byte) (int, error) {
	c.sent.Add(int64(len(p)))
	return c.Conn.Write(p)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.received.Add(int64(n))
	return n, err
}

func handshakeCounted(b *testing.B, c *engine.ClientConfig, s *engine.ServerConfig, sent, received *atomic.Int64) {
	client, server := pair(b)
	done := make(chan error, 1)
	go func() {
		_, err := New().Server(b.Context(), server, s)
		done <- err
	}()
	if _, err := New().Client(b.Context(), &counted{client, sent, received}, c); err != nil {
		b.Fatal(err)
	}
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	client.Close()
	server.Close()
}

// measure reports the CPU of both sides, too.
func measure(b *testing.B, one func()) {
	b.ReportAllocs()
	before := cpuTime()
	for b.Loop() {
		one()
	}
	b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(b.N), "cpu-us/op")
}

func oneHandshake(b *testing.B, c *engine.ClientConfig, s *engine.ServerConfig) {
	client, server := pair(b)
	done := make(chan error, 1)
	go func() {
		_, err := New().Server(b.Context(), server, s)
		done <- err
	}()
	if _, err := New().Client(b.Context(), client, c); err != nil {
		b.Fatal(err)
	}
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	client.Close()
	server.Close()
}

func BenchmarkHandshakeStd(b *testing.B) {
	for _, kind := range testKinds {
		b.Run(kind, func(b *testing.B) {
			c := &tls.Config{InsecureSkipVerify: true, ServerName: testName, MinVersion: tls.VersionTLS13}
			s := stdServerConfig(kind)
			s.SessionTicketsDisabled = true
			measure(b, func() { oneHandshakeStd(b, c, s) })
		})
	}
}

func oneHandshakeStd(b *testing.B, c, s *tls.Config) {
	client, server := pair(b)
	ready, failed := stdServer(server, s)
	if err := tls.Client(client, c).Handshake(); err != nil {
		b.Fatal(err)
	}
	select {
	case <-ready:
	case err := <-failed:
		b.Fatal(err)
	}
	client.Close()
	server.Close()
}

// BenchmarkBulk moves data from one end to the other, with 256 KiB in each
// Write and each Read.
func BenchmarkBulk(b *testing.B) {
	c, s := configs("p256")
	client, server := connected(b, c, s)
	bulk(b, client, server)
}

func BenchmarkBulkStd(b *testing.B) {
	client, server := pair(b)
	ready, _ := stdServer(server, stdServerConfig("p256"))
	from := tls.Client(client, &tls.Config{InsecureSkipVerify: true})
	if err := from.Handshake(); err != nil {
		b.Fatal(err)
	}
	bulk(b, from, <-ready)
}

// bulkMetric is the CPU of both ends, which other work disturbs less than the
// throughput.
const bulkMetric = "cpu-s/GiB"

func bulk(b *testing.B, from, to half) {
	const size = 256 << 10
	go func() {
		p := make([]byte, size)
		for {
			if _, err := from.Write(p); err != nil {
				return
			}
		}
	}()
	b.SetBytes(size)
	b.ReportAllocs()
	p := make([]byte, size)
	before := cpuTime()
	for b.Loop() {
		for got := 0; got < size; {
			n, err := to.Read(p)
			if err != nil {
				b.Fatal(err)
			}
			got += n
		}
	}
	b.StopTimer()
	b.ReportMetric((cpuTime()-before).Seconds()*(1<<30)/size/float64(b.N), bulkMetric)
	for _, end := range []half{from, to} {
		if s, ok := end.(*session); ok {
			s.Keys().Stream.Close()
		}
	}
}

// testClientHello is the record with a default ClientHello.
func testClientHello(t testing.TB) []byte {
	t.Helper()
	client, server := pair(t)
	c, _ := configs("p256")
	go New().Client(t.Context(), client, c)
	got := make([]byte, 1<<14)
	n, err := io.ReadAtLeast(server, got, 1000)
	if err != nil {
		t.Fatal(err)
	}
	server.(*net.TCPConn).CloseWrite()
	return got[:n]
}
