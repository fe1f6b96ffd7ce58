//go:build pq

package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tlsify/engine/enginetest"
	"tlsify/engine/pki"
)

// TestMatrixKeys has the matrix's peers with keys in place of certificates, in both
// roles: pre-shared ones and raw public ones, of two kinds, with data both ways and
// KeyUpdates.
func TestMatrixKeys(t *testing.T) {
	dir := os.Getenv("TLSIFY_MATRIX")
	if dir == "" {
		t.Skip("prints a table only where TLSIFY_MATRIX asks for one")
	}
	m := newMatrixKeys(t)
	var able []string
	for _, peer := range matrixPeers(t, dir) {
		for _, kind := range []string{"psk", "raw p256", "raw rsa"} {
			word, key, _ := strings.Cut(kind, " ")
			if !slices.Contains(peer.keys, word) {
				continue
			}
			able = append(able, peer.name+" "+kind)
			for _, role := range []string{"server", "client"} {
				t.Run(filepath.Base(peer.program)+"/"+kind+"/"+role, func(t *testing.T) {
					t.Parallel()
					if role == "server" {
						m.withServer(t, peer, key)
					} else {
						m.withClient(t, peer, key)
					}
				})
			}
		}
	}
	if len(able) == 0 {
		t.Error("no peer has such keys")
	}
	t.Log(strings.Join(able, "\n"))
}

// matrixKeys has the files that all use.
type matrixKeys struct{ dir string }

const (
	matrixPSK    = "device-17:6162636465666768696a6b6c6d6e6f707172737475767778797a313233343536"
	matrixServer = "server-"
	matrixClient = "client-"
)

func newMatrixKeys(t *testing.T) *matrixKeys {
	t.Helper()
	m := &matrixKeys{t.TempDir()}
	for kind, key := range map[string]pki.KeyType{"p256": pki.ECDSAP256, "rsa": pki.RSA2048} {
		for _, side := range []string{matrixServer, matrixClient} {
			c := enginetest.Issue(t, enginetest.PKI(t).Root, pki.Options{CommonName: side + kind, DNS: []string{enginetest.Host}, Key: key})
			enginetest.WriteFiles(t, c, m.dir, side+kind)
			spki, err := x509.MarshalPKIXPublicKey(c.Key.Public())
			if err != nil {
				t.Fatal(err)
			}
			m.write(t, side+kind+".spki", spki)
			m.write(t, side+kind+".spki.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}))
		}
	}
	m.write(t, "psk", []byte(matrixPSK+"\n"))
	return m
}

func (m *matrixKeys) write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(m.file(name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (m *matrixKeys) file(name string) string { return filepath.Join(m.dir, name) }

// options are tlsify's, and the peer's environment; both are for keys of a kind, or
// for a pre-shared one.
func (m *matrixKeys) options(kind, own, other string) (options, environment []string) {
	if kind == "" {
		return []string{"--psk", m.file("psk")}, []string{"PEER_PSK=" + matrixPSK}
	}
	return []string{"--raw-public-key", "--key", m.file(own + kind + ".key"), "--pin", m.file(other + kind + ".spki.pem")},
		[]string{"PEER_RAW=" + m.file(own+kind+".spki")}
}

// peer is the peer's program; its own files have a prefix.
func (m *matrixKeys) peer(ctx context.Context, p *matrixPeer, role, port, prefix, kind string, tasks ...string) *exec.Cmd {
	if kind == "" {
		kind = "p256" // which it does not use
	}
	return exec.CommandContext(ctx, p.program, append([]string{role, port, "TLSv1.3", m.file(prefix + kind), m.file(prefix + kind + ".pem"), enginetest.Host}, tasks...)...)
}

func (m *matrixKeys) withServer(t *testing.T, p *matrixPeer, kind string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	port := unusedPort(t)
	options, environment := m.options(kind, matrixClient, matrixServer)
	server := m.peer(ctx, p, "server", port, matrixServer, kind)
	var complaints bytes.Buffer
	server.Env, server.Stderr = append(os.Environ(), environment...), &complaints
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { server.Process.Kill(); server.Wait(); t.Logf("it says %q", complaints.String()) }()
	if !becomes(func() bool {
		conn, err := net.Dial("tcp4", "127.0.0.1:"+port)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}) {
		t.Fatal("it does not listen")
	}
	args := append([]string{"connect", "--engine", "pq", "--control-fd", "2", "--eof", "hold"}, options...)
	client := exec.CommandContext(ctx, "tlsify", append(args, "127.0.0.1:"+port)...)
	var out, control bytes.Buffer
	data := matrixData()
	client.Stdin, client.Stdout, client.Stderr = strings.NewReader(fmt.Sprintf("echo %d\n%s", matrixSize, data)), &out, &control
	err := client.Run()
	rest, whole := strings.CutPrefix(out.String(), data)
	if err != nil || !whole || kind != "" && !strings.Contains(rest, "the same key") {
		t.Errorf("%v, %d bytes, then %q: %s", err, out.Len(), rest, lastLine(control.String()))
	}
	m.verified(t, kind, control.String())
}

func (m *matrixKeys) withClient(t *testing.T, p *matrixPeer, kind string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	options, environment := m.options(kind, matrixServer, matrixClient)
	client := m.peer(ctx, p, "client", strconv.Itoa(l.Addr().(*net.TCPAddr).Port), matrixClient, kind, "echo")
	var said, complaints, control bytes.Buffer
	client.Env, client.Stdout, client.Stderr = append(os.Environ(), environment...), &said, &complaints
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { <-ctx.Done(); l.Close() }()
	conn, err := l.Accept()
	if err != nil {
		t.Fatalf("%v: %s", err, complaints.String())
	}
	file, err := conn.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if kind != "" {
		options = append(options, "--client-auth", "require")
	}
	args := append([]string{"accept", "--engine", "pq", "--net-fd", "3", "--control-fd", "2"}, options...)
	server := exec.CommandContext(ctx, "tlsify", append(args, "--", "cat")...)
	server.ExtraFiles, server.Stderr = []*os.File{file}, &control
	err = server.Run()
	file.Close()
	client.Wait()
	if err != nil || !strings.HasPrefix(said.String(), "echo same closed") {
		t.Errorf("%v, %q, %q: %s", err, said.String(), complaints.String(), lastLine(control.String()))
	}
	m.verified(t, kind, control.String())
}

func (m *matrixKeys) verified(t *testing.T, kind, control string) {
	want := "\nverified pin "
	if kind == "" {
		want = "\nverified psk device-17\n"
	}
	if !strings.Contains(control, want) {
		t.Errorf("not verified: %s", lastLine(control))
	}
}
