package pq

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	slowline "tlsify/bench/line"
	"tlsify/engine"
	"tlsify/engine/enginetest"
	"tlsify/verify"
	"tlsify/verify/mtc"
	"tlsify/verify/mtc/pretend"
)

// TestCertificateTable takes the table of ENGINES.md that tells what certificates
// cost, by who vouches for them, with X25519MLKEM768: bytes of the server's
// flight, CPU of both ends with the client's verification, and the time from the
// client's SYN to the server's first byte of data over a slow line. It goes by
// the same variables as TestHandshakeTable. Where the kernel has no netem, or we
// are not root, a relay makes the line, which has nothing of TCP's own.
func TestCertificateTable(t *testing.T) {
	count, err := strconv.Atoi(os.Getenv("TLSIFY_HANDSHAKE_TABLE"))
	if err != nil {
		t.Skip("prints a table only where TLSIFY_HANDSHAKE_TABLE asks for one")
	}
	m := &measuring{}
	m.say("Taken on %s with %s on %d cores of %s/%s; %s. The least of %d rounds of %d; the time is the median of %d.\n", time.Now().UTC().Format(time.DateOnly),
		runtime.Version(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, load(), tableRounds, count, lineRounds)
	m.say("| the leaf's key, and what vouches for it | server's flight | CPU | first byte |\n|---|---|---|---|")
	slow := slowline.Link{Delay: 75 * time.Millisecond, Rate: 125_000, Netem: true}
	if probe, err := slow.Listen(); err != nil {
		slow.Netem = false
	} else {
		probe.Close()
	}
	for _, row := range certificateRows(t) {
		t.Setenv("TLSIFY_TABLE_ROOTS", row.roots)
		t.Setenv("TLSIFY_TABLE_LANDMARKS", row.landmarks)
		makers := []string{"pq"}
		flight := row.bytes(t, makers)[0]
		_, flight, _ = strings.Cut(flight, " / ")
		cpu := row.cpu(t, makers, count)[0]
		m.say("| %s | %s | %d / %d | %s |", row.name, flight, cpu.client, cpu.server, row.firstByte(t, slow))
	}
	m.say("\nThe line has %v.", slow)
	if doc := os.Getenv("TLSIFY_HANDSHAKE_DOC"); doc != "" {
		putTable(t, doc, "certificates", m.text.String())
	}
}

// tableVerify gives the client's Verify: by the roots and landmarks in the files
// that the environment names, if it does.
func tableVerify() (func(*engine.Peer) error, error) {
	roots, landmarks := os.Getenv("TLSIFY_TABLE_ROOTS"), os.Getenv("TLSIFY_TABLE_LANDMARKS")
	if roots == "" {
		return func(*engine.Peer) error { return nil }, nil
	}
	store, err := verify.LoadStore(roots)
	if err != nil {
		return nil, err
	}
	p := &verify.Policy{Names: []verify.Name{must(verify.ParseName(testName))}, Trust: []*verify.Store{store}}
	if landmarks != "" {
		p.MTC = &mtc.Trust{Landmarks: must(mtc.ParseLandmarks(must(os.ReadFile(landmarks))))}
	}
	return func(peer *engine.Peer) error {
		_, err := p.Check(verify.Evidence{Certificates: peer.Certificates})
		return err
	}, nil
}

// certificateRow is a chain and what a client needs to accept it.
type certificateRow struct {
	tableRow
	roots, landmarks string
}

func certificateRows(t *testing.T) (rows []certificateRow) {
	for _, s := range []struct {
		name string
		kind enginetest.KeyType
	}{
		{"ECDSA P-256: a chain of ECDSA P-256", enginetest.ECDSAP256}, {"ML-DSA-44: a chain of ML-DSA-44", enginetest.MLDSA44},
		{"ML-DSA-65: a chain of ML-DSA-65", enginetest.MLDSA65},
	} {
		root := enginetest.NewRoot(t, enginetest.CertOptions{CommonName: "root", Key: s.kind})
		mid, err := root.Intermediate(enginetest.CertOptions{CommonName: "intermediate", Key: s.kind})
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		cert, key := enginetest.WriteFiles(t, enginetest.Issue(t, mid, enginetest.CertOptions{DNS: []string{testName}, Key: s.kind}), dir, "leaf")
		roots := filepath.Join(dir, "root.pem")
		if err := os.WriteFile(roots, root.PEM(), 0o644); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, certificateRow{tableRow{name: s.name, group: "X25519MLKEM768", cert: cert, key: key}, roots, ""})
	}
	for _, s := range []struct {
		name      string
		levels    int // of the subtree: hashes in the proof
		cosigners int // of ML-DSA-44, the CA's among them
		kind      string
	}{
		{"ML-DSA-44: standalone MTC, one cosigner of ML-DSA-44", pretend.Standalone, 1, "mldsa44"},
		{"ML-DSA-44: standalone MTC, three cosigners of ML-DSA-44", pretend.Standalone, 3, "mldsa44"},
		{"ML-DSA-44: landmark-relative MTC", pretend.Landmark, 0, "mldsa44"},
		{"ECDSA P-256: landmark-relative MTC", pretend.Landmark, 0, "p256"},
	} {
		rows = append(rows, merkleRow(t, s.name, s.levels, s.cosigners, s.kind))
	}
	return rows
}

func merkleRow(t *testing.T, name string, levels, cosigners int, kind string) certificateRow {
	t.Helper()
	dir := t.TempDir()
	write := func(file string, content []byte) string {
		file = filepath.Join(dir, file)
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	key := testIdentity(kind).Key
	made := must(pretend.New(pretend.Options{DNS: []string{testName}, Key: key, Levels: levels, Cosigners: cosigners}))
	row := certificateRow{tableRow: tableRow{name: name, group: "X25519MLKEM768"}}
	row.cert, row.roots = write("leaf.pem", made.Leaf), write("ca.pem", made.CA)
	row.key = write("leaf.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(key))}))
	if made.Landmarks != nil {
		row.landmarks = write("landmarks", made.Landmarks)
	}
	return row
}

// lineRounds is how often a time over the line is taken.
const lineRounds = 5

// firstByte gives the median of the times in which a server's first byte comes
// over a line.
func (r certificateRow) firstByte(t *testing.T, slow slowline.Link) string {
	t.Helper()
	listener, address := overLine(t, slow)
	id := must(readIdentity(r.cert, r.key))
	judge := must(tableVerify())
	var times []time.Duration
	for range lineRounds {
		go func() {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			s, err := New().Server(context.Background(), conn, &engine.ServerConfig{Config: engine.Config{Verify: judge}, Identities: []*engine.Identity{id}})
			if err == nil {
				s.Write([]byte("x"))
				s.Read(make([]byte, 1))
			}
		}()
		began := time.Now()
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		s, err := New().Client(t.Context(), conn, &engine.ClientConfig{Config: engine.Config{Verify: judge}, ServerName: testName})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		times = append(times, time.Since(began))
		conn.Close()
	}
	return fmt.Sprintf("%d ms", median(times).Milliseconds())
}

// overLine gives a server's listener, and where a client reaches it over a line.
func overLine(t *testing.T, slow slowline.Link) (server net.Listener, address string) {
	t.Helper()
	if slow.Netem {
		listener := must(slow.Listen())
		t.Cleanup(func() { listener.Close() })
		return listener, listener.Addr().String()
	}
	server, near := must(net.Listen("tcp", "127.0.0.1:0")), must(net.Listen("tcp", "127.0.0.1:0"))
	t.Cleanup(func() { server.Close() })
	go slow.Relay(t.Context(), near, server.Addr().String())
	return server, near.Addr().String()
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

// The certificates of the table are accepted, or it would measure
// nothing.
func TestCertificateTableRows(t *testing.T) {
	for _, row := range certificateRows(t) {
		t.Setenv("TLSIFY_TABLE_ROOTS", row.roots)
		t.Setenv("TLSIFY_TABLE_LANDMARKS", row.landmarks)
		judge := must(tableVerify())
		id := must(readIdentity(row.cert, row.key))
		certs, _, err := engine.ParseChain(id.Chain)
		if err != nil {
			t.Fatal(err)
		}
		if err := judge(&engine.Peer{Certificates: certs}); err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
		var size int
		for _, der := range id.Chain {
			size += len(der)
		}
		t.Logf("%s: %d bytes of certificates", row.name, size)
	}
}
