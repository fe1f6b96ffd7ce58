package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/credential"
	"tlsify/cmd/tlsify/internal/signer"
	"tlsify/cmd/tlsify/internal/signing"
	"tlsify/engine"
	"tlsify/engine/enginetest"
)

// signerKeys are the keys of a signer that has one, of a PEM file.
func signerKeys(content []byte) *signer.Keys {
	key, err := credential.ParseKey(content, nil)
	if err != nil {
		panic(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		panic(err)
	}
	keys := &signer.Keys{TLS12: true, PerStream: 1}
	keys.Add(spki, key.Public(), signing.SignWith(key))
	return keys
}

// signerOn is a signer for a key on a unix socket, until the test ends.
func signerOn(t *testing.T, keyFile string, serve func(net.Conn, *signer.Keys)) (path string) {
	t.Helper()
	content, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	return serveEach(t, "unix", filepath.Join(t.TempDir(), "s"), func(conn net.Conn) {
		defer conn.Close()
		serve(conn, signerKeys(content))
	})
}

func honest(conn net.Conn, keys *signer.Keys) { signer.Serve(conn, keys) }

// A server's handshake can be signed by another program, on every engine and
// under both versions: by a command, by one behind a socket, or by one whose
// stream was given. When it is over the signer can't be asked any more.
func TestSigners(t *testing.T) {
	pki := pkiFiles(t)
	const mldsa = "mixed-classical-root" // an ML-DSA leaf
	enginetest.WriteFiles(t, enginetest.Chain(t, mldsa), pki, mldsa)
	for _, e := range built() {
		if _, ok := e.(engine.ServerEngine); !ok {
			continue
		}
		for _, chain := range []string{"good", "good-rsa", mldsa} {
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				if version == tls.VersionTLS12 && (e.Name() == "pq" || chain == mldsa) {
					continue
				}
				for _, kind := range []string{"unix", "command", "fd"} {
					t.Run(fmt.Sprintf("%s/%s/%s/%s", e.Name(), chain, tls.VersionName(version), kind), func(t *testing.T) {
						t.Parallel()
						l := newLaunch(t)
						key := pki + "/" + chain + ".key"
						option := "signer:prog sign " + key
						left := make(chan bool, 1)
						serve := func(conn net.Conn, keys *signer.Keys) { signer.Serve(conn, keys); left <- true }
						switch kind {
						case "unix":
							option = "signer:unix:" + signerOn(t, key, serve)
						case "fd":
							option = "signer:fd:9"
							content, _ := os.ReadFile(key)
							stream := l.socket(9)
							go serve(stream, signerKeys(content))
						default:
							left <- true
						}
						ours, theirs := tcpPair(t)
						l.give(5, rawOf(t, theirs))
						theirs.Close()
						tlsify := l.start("accept", "--engine", e.Name(), "--net-fd", "5", "--cert", pki+"/"+chain+".pem", "--key", option, "--", "prog", "cat")
						config := clientConfig(t)
						config.MinVersion, config.MaxVersion = version, version
						c, err := newClient(ours, config)
						if err != nil {
							t.Fatal(err, tlsify.report())
						}
						tlsify.await("ready")
						select {
						case <-left:
						case <-time.After(patience):
							t.Error("the signer can still be asked when the handshake is over")
						}
						if got := c.echo("hello"); got != "hello" {
							t.Errorf("got %q", got)
						}
						ours.Close()
						tlsify.expect(0, "ready", "end 0")
					})
				}
			}
		}
	}
}

// A listener's children each ask the signer by themselves; certificates whose
// keys are with signers and those whose are not go together.
func TestSignersOfListener(t *testing.T) {
	t.Parallel()
	pki := pkiFiles(t)
	l, err := startListener(os.Stderr, os.Environ(), "--cert", pki+"/good-rsa.pem", "--key", "signer:unix:"+signerOn(t, pki+"/good-rsa.key", honest),
		"--cert", pki+"/good.pem", "--key", pki+"/good.key", "127.0.0.1:0", "--", "prog", "cat")
	if err != nil {
		t.Fatal(err)
	}
	for _, suite := range []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256} {
		for range 2 {
			config := clientConfig(t)
			config.MaxVersion, config.CipherSuites = tls.VersionTLS12, []uint16{suite}
			c, err := dialClient(l.address, config)
			if err != nil {
				t.Fatal(tls.CipherSuiteName(suite), err)
			}
			if got := c.echo("hello"); got != "hello" {
				t.Errorf("got %q", got)
			}
			c.noter.Close()
		}
	}
	if err := l.stop(); err != nil {
		t.Error(err)
	}
}

// A signer that can't or won't sign is told of: before there is a handshake
// where that can be known, and else by a CODE of its own. One on a descriptor was not
// asked whether it has the key.
func TestSignerFaults(t *testing.T) {
	pki := pkiFiles(t)
	probed := func(then func(net.Conn)) func(net.Conn, *signer.Keys) {
		return func(conn net.Conn, _ *signer.Keys) {
			signer.ReadFrame(conn)
			signer.WriteFrame(conn, []byte{1})
			signer.ReadFrame(conn)
			then(conn)
		}
	}
	for name, c := range map[string]struct {
		option string
		limit  string
		status int
		line   string
	}{
		"no-socket":    {"signer:unix:/missing", "30s", 101, "error usage --key signer:unix:/missing: no such file or directory"},
		"no-command":   {"signer:true", "30s", 101, "error usage .*has no key for .*the signer has ended"},
		"no-key":       {"signer:unix:" + signerOn(t, pki+"/good-rsa.key", honest), "30s", 101, "error usage .*has no key for .*the signer refuses"},
		"refuses":      {"signer:unix:" + signerOn(t, pki+"/good.key", probed(func(c net.Conn) { signer.WriteFrame(c, nil) })), "30s", 104, "error signer .*refuses"},
		"ends":         {"signer:unix:" + signerOn(t, pki+"/good.key", probed(func(c net.Conn) {})), "30s", 104, "error signer .*ended"},
		"is-silent":    {"signer:unix:" + signerOn(t, pki+"/good.key", probed(func(c net.Conn) { io.Copy(io.Discard, c) })), "2s", 104, "error signer .*does not answer.*"},
		"lies":         {"signer:unix:" + signerOn(t, pki+"/good.key", probed(func(c net.Conn) { signer.WriteFrame(c, []byte("no signature")) })), "30s", 104, "error tls-alert .*"},
		"empty":        {"signer:", "30s", 101, "error usage .*"},
		"not-open":     {"signer:fd:77", "30s", 101, "error usage .*descriptor 77 is not open"},
		"not-for-that": {"signer:fd:0", "30s", 101, "error usage .*"},
		"fd-no-key":    {"signer:fd:9", "30s", 101, "error usage .*has no key for .*the signer refuses"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ours, theirs := tcpPair(t)
			defer ours.Close()
			l := newLaunch(t)
			l.give(5, rawOf(t, theirs))
			theirs.Close()
			content, _ := os.ReadFile(pki + "/good-rsa.key")
			go honest(l.socket(9), signerKeys(content))
			go newClient(ours, clientConfig(t))
			l.start("accept", "--handshake-timeout", c.limit, "--net-fd", "5", "--cert", pki+"/good.pem", "--key", c.option, "--", "true").
				expect(c.status, c.line)
		})
	}
	t.Run("fd-silent", func(t *testing.T) {
		if testing.Short() {
			t.Skip("takes 10 seconds: not with -short")
		}
		t.Parallel()
		l := newLaunch(t)
		l.socket(5)
		l.socket(9)
		l.start("accept", "--net-fd", "5", "--cert", pki+"/good.pem", "--key", "signer:fd:9", "--", "true").
			expect(101, "error usage .*has no key for .*the signer does not answer.*")
	})
	t.Run("connect", func(t *testing.T) {
		newLaunch(t).start("connect", "--cert", pki+"/client.pem", "--key", "signer:unix:/s", "localhost:1").expect(1, "error usage .*for servers")
	})
	t.Run("listen-fd", func(t *testing.T) {
		newLaunch(t).start("listen", "--cert", pki+"/good.pem", "--key", "signer:fd:9", "127.0.0.1:0", "--", "true").expect(1, "error usage .*share.*")
	})
}

// The signing process signs once for each connection, and what TLS 1.2 has signed only
// where that is allowed.
func TestSigningProcessSignsOnce(t *testing.T) {
	pki := pkiFiles(t)
	content, err := os.ReadFile(pki + "/good.key")
	if err != nil {
		t.Fatal(err)
	}
	key, err := credential.ParseKey(content, nil)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	id := sha256.Sum256(spki)
	ecdsaSHA256 := append(id[:], 4, 3)
	of13 := append(bytes.Repeat([]byte(" "), 64), append([]byte("TLS 1.3, server CertificateVerify\x00"), make([]byte, 32)...)...)
	of12 := append(make([]byte, 64), append([]byte{3, 0, 0x1d, 32}, make([]byte, 32)...)...)
	for _, tls12 := range []bool{false, true} {
		t.Run(strconv.FormatBool(tls12), func(t *testing.T) {
			t.Parallel()
			l := newLaunch(t)
			l.quietly()
			supply := l.socket(5)
			process := l.start(signing.ProcessWord, "5", "0", strconv.FormatBool(tls12), "false", "-", pki+"/good.pem", pki+"/good.key")
			for range 2 { // that there is no fault, and the certificates
				if _, err := signer.ReadFrame(supply); err != nil {
					t.Fatal(err)
				}
			}
			for _, c := range []struct {
				message []byte
				signs   bool
			}{{of13, true}, {of12, tls12}} {
				ours, theirs := socketRaw(t)
				if _, _, err := supply.WriteMsgUnix([]byte{1}, unix.UnixRights(theirs), nil); err != nil {
					t.Fatal(err)
				}
				unix.Close(theirs)
				stream := connOf(t, ours)
				for i := range 2 {
					signer.WriteFrame(stream, append(slices.Clip(ecdsaSHA256), c.message...))
					answer, err := signer.ReadFrame(stream)
					if err != nil || len(answer) > 0 != (c.signs && i == 0) {
						t.Errorf("request %d for %q: %x, %v", i, c.message[:4], answer, err)
					}
				}
				stream.Close()
			}
			supply.Close()
			process.wait()
		})
	}
	for level, want := range map[string]string{"standard": "true", "tls13": "false"} {
		l := listening(t, "--min-security", level, "127.0.0.1:0", "--", "cat")
		words, _ := os.ReadFile("/proc/" + strconv.Itoa(findSigning(l.process.Pid)) + "/cmdline")
		if split := strings.Split(string(words), "\x00"); len(split) < 5 || split[4] != want {
			t.Errorf("%s: the signing process is %q", level, words)
		}
	}
}

// The signing process of a lone accept ends when the handshake is over, and
// that of a listener with it; a listener without one is of no use.
func TestSigningProcessEnds(t *testing.T) {
	t.Parallel()
	pki := pkiFiles(t)
	gone := func(pid int) bool { return becomes(func() bool { return syscall.Kill(pid, 0) != nil }) }
	for name, end := range map[string]func(*child, *net.TCPConn) bool{
		"handshake": func(c *child, ours *net.TCPConn) bool {
			newClient(ours, clientConfig(t))
			c.await("ready")
			return true
		},
		"killed": func(c *child, _ *net.TCPConn) bool { c.signal(syscall.SIGKILL); return false },
	} {
		ours, theirs := tcpPair(t)
		l := newLaunch(t)
		l.give(5, rawOf(t, theirs))
		theirs.Close()
		tlsify := l.start("accept", "--net-fd", "5", "--cert", pki+"/good.pem", "--key", pki+"/good.key", "--", "prog", "cat")
		tlsify.await("tlsify")
		signing := 0
		if !becomes(func() bool { signing = findSigning(tlsify.pid); return signing != 0 }) {
			t.Fatal(name, ": there is no signing process")
		}
		stays := end(tlsify, ours)
		if !gone(signing) {
			t.Errorf("%s: the signing process is still there", name)
		}
		if stays {
			ours.Close()
			tlsify.wait()
		}
	}
	l := newLaunch(t)
	tlsify := l.start("listen", "--cert", pki+"/good.pem", "--key", pki+"/good.key", "127.0.0.1:0", "--", "true")
	tlsify.await("listening")
	syscall.Kill(findSigning(tlsify.pid), syscall.SIGKILL)
	tlsify.expect(2, "error internal .*signing process.*")
}

// What the signing process finds wrong with a file is what the caller is told.
func TestSigningProcessSaysWhy(t *testing.T) {
	t.Parallel()
	pki := pkiFiles(t)
	newLaunch(t).start("listen", "--cert", pki+"/good.pem", "--key", pki+"/good-rsa.key", "127.0.0.1:0", "--", "true").
		expect(1, "error usage .*good-rsa.key.*")
}

// What is PROG's, and was not named, is not the signing process's.
func TestSigningProcessInheritsNothing(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to see the descriptors of another process")
	}
	t.Parallel()
	pki := pkiFiles(t)
	ours, theirs := tcpPair(t)
	defer ours.Close()
	l := newLaunch(t)
	l.give(5, rawOf(t, theirs))
	theirs.Close()
	l.feed(90)
	tlsify := l.start("accept", "--net-fd", "5", "--cert", pki+"/good.pem", "--key", pki+"/good.key", "--", "prog", "cat")
	tlsify.await("tlsify")
	fd := func(n int) string { return fmt.Sprintf("/proc/%d/fd/%d", findSigning(tlsify.pid), n) }
	there := func(name string) bool { _, err := os.Readlink(name); return err == nil }
	if !becomes(func() bool { return there(fd(2)) && !there(fd(90)) }) {
		t.Error("the signing process has it")
	}
}

// findSigning finds the signing process among the children of a process; 0 is
// none.
func findSigning(pid int) int {
	if all := signings(pid); len(all) > 0 {
		return all[0]
	}
	return 0
}

// signings lists all of them.
func signings(pid int) (all []int) {
	lists, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	for _, list := range lists {
		content, _ := os.ReadFile(list)
		for _, child := range strings.Fields(string(content)) {
			if cmdline, _ := os.ReadFile("/proc/" + child + "/cmdline"); strings.Contains(string(cmdline), signing.ProcessWord) {
				all = append(all, number(child, 0))
			}
		}
	}
	return all
}

// The key is nowhere in the memory of the processes that face the network, nor
// in the listener's; that it would be found is shown on the signing process.
func TestKeyIsInOneMemory(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to read the memory of another process")
	}
	t.Parallel()
	pki := pkiFiles(t)
	content, _ := os.ReadFile(pki + "/good.key")
	key, err := credential.ParseKey(content, nil)
	if err != nil {
		t.Fatal(err)
	}
	scalar, err := key.(*ecdsa.PrivateKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	text := bytes.Split(content, []byte("\n"))[1][:32]
	holds := func(pid int) bool { return inMemory(t, pid, scalar) || inMemory(t, pid, text) }

	server := listening(t, "127.0.0.1:0", "--", "prog", "cat")
	c, err := dialClient(server.address, clientConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.noter.Close()
	if !holds(findSigning(server.process.Pid)) {
		t.Error("the search does not find the key where it is")
	}
	children := childrenOf(server.process.Pid)
	if len(children) == 0 {
		t.Error("the listener has no children")
	}
	ours, theirs := tcpPair(t)
	defer ours.Close()
	l := newLaunch(t)
	l.give(5, rawOf(t, theirs))
	theirs.Close()
	lone := l.start("accept", "--net-fd", "5", "--cert", pki+"/good.pem", "--key", pki+"/good.key", "--", "prog", "cat")
	if _, err := newClient(ours, clientConfig(t)); err != nil {
		t.Fatal(err)
	}
	lone.await("ready")
	for _, pid := range append(children, server.process.Pid, lone.pid) {
		if syscall.Kill(pid, 0) != nil && slices.Contains(children, pid) {
			continue // it has waited for a connection, and none has come
		}
		if holds(pid) {
			t.Errorf("the key is in the memory of process %d", pid)
		}
	}
}

// Nor has any of them the descriptor by which the key was given: a file could be read once
// more.
func TestKeyDescriptorIsGone(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to see the descriptors of another process")
	}
	t.Parallel()
	pki := pkiFiles(t)
	key, err := os.Open(pki + "/good.key")
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	has := func(pid int) bool {
		links, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/fd/*")
		return slices.ContainsFunc(links, func(link string) bool {
			to, _ := os.Readlink(link)
			return to == key.Name()
		})
	}
	if !has(os.Getpid()) {
		t.Fatal("the search does not find the key's descriptor where it is")
	}
	given := []string{"--cert", pki + "/good.pem", "--key", "fd:8"}
	l := newLaunch(t)
	l.give(8, rawOf(t, key))
	listener := l.start(slices.Concat([]string{"listen"}, given, []string{"127.0.0.1:0", "--", "prog", "cat"})...)
	c, err := dialClient(listener.await("listening"), clientConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.noter.Close()
	ours, theirs := tcpPair(t)
	defer ours.Close()
	again, err := os.Open(key.Name()) // with a place of its own
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	l = newLaunch(t)
	l.give(8, rawOf(t, again))
	l.give(5, rawOf(t, theirs))
	theirs.Close()
	lone := l.start(slices.Concat([]string{"accept", "--net-fd", "5"}, given, []string{"--", "prog", "cat"})...)
	if _, err := newClient(ours, clientConfig(t)); err != nil {
		t.Fatal(err)
	}
	lone.await("ready")
	for _, pid := range append(acceptsOf(listener.pid), listener.pid, lone.pid) {
		if has(pid) {
			t.Errorf("process %d has the key's descriptor", pid)
		}
	}
}

// inMemory tells whether a process has some bytes in memory that it can write.
func inMemory(t *testing.T, pid int, what []byte) bool {
	t.Helper()
	dir := "/proc/" + strconv.Itoa(pid)
	maps, err := os.ReadFile(dir + "/maps")
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open(dir + "/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil || !strings.HasPrefix(mode, "rw") || to-from > 256<<20 {
			continue
		}
		content := make([]byte, to-from)
		n, _ := mem.ReadAt(content, from)
		if bytes.Contains(content[:n], what) {
			return true
		}
	}
	return false
}

// echo has a line sent back before it ends its half, which in TLS 1.2 ends both.
func (c *client) echo(line string) string {
	io.WriteString(c, line)
	back := make([]byte, len(line))
	io.ReadFull(c, back)
	c.talk("")
	return string(back)
}
