package std

import (
	"crypto/tls"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"tlsify/engine/enginetest"
	"tlsify/engine/enginetest/raced"
)

// BenchmarkHandshake is one full handshake, both sides, in this process, and the
// same of crypto/tls alone; neither verifies. They take turns, so that
// what slows the machine slows both; ratio is of their CPU.
func BenchmarkHandshake(b *testing.B) {
	s := newScene(b)
	ours, theirs := func() { handshakeOfOurs(b, s) }, func() { handshakeOfTheirs(b, s) }
	var cpu [2]int64
	for b.Loop() {
		for i, one := range []func(){ours, theirs} {
			before := cpuNow()
			one()
			cpu[i] += cpuNow() - before
		}
	}
	b.ReportMetric(float64(cpu[0])/float64(b.N), "ours-us/op")
	b.ReportMetric(float64(cpu[1])/float64(b.N), "crypto/tls-us/op")
	b.ReportMetric(float64(cpu[0])/float64(cpu[1]), "ratio")
	b.ReportMetric(allocated(ours)/1e3, "ours-kB/op")
	b.ReportMetric(allocated(theirs)/1e3, "crypto/tls-kB/op")
}

// A handshake takes no more memory than it needs.
func TestHandshakeMemory(t *testing.T) {
	s := newScene(t)
	most := 150e3 * float64(raced.Times()) // the race detector's are larger
	if took := allocated(func() { handshakeOfOurs(t, s) }); took > most {
		t.Errorf("a handshake, both sides, allocates %.0f bytes", took)
	}
}

// allocated is how many bytes one call takes.
func allocated(one func()) float64 {
	const calls = 20
	one()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range calls {
		one()
	}
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc-before.TotalAlloc) / calls
}

// cpuNow is what this process has taken of the processor, in microseconds.
func cpuNow() int64 {
	var used unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &used)
	return (used.Utime.Nano() + used.Stime.Nano()) / 1e3
}

func handshakeOfOurs(t testing.TB, s *scene) {
	client, server := enginetest.TCPPair(t)
	defer client.Close()
	defer server.Close()
	served := make(chan error, 1)
	go func() {
		_, err := New().Server(t.Context(), server, &s.server)
		served <- err
	}()
	if _, err := New().Client(t.Context(), client, &s.client); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Fatal(err)
	}
}

func handshakeOfTheirs(t testing.TB, s *scene) {
	client, server := enginetest.TCPPair(t)
	defer client.Close()
	defer server.Close()
	served := make(chan error, 1)
	go func() {
		served <- tls.Server(server, &tls.Config{SessionTicketsDisabled: true, Certificates: s.peer.Certificates}).Handshake()
	}()
	if err := tls.Client(client, &tls.Config{InsecureSkipVerify: true, ServerName: enginetest.Host}).Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Fatal(err)
	}
}
