//go:build pq

package main

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"tlsify/engine/enginetest"
	"tlsify/engine/trustanchor"
)

// page answers a browser's request with a page that names the group.
const page = `while read -r line && [ "$line" != "$(printf '\r')" ]; do :; done
printf 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<p>%s</p>' "$TLSIFY_GROUP"`

// TestChromium has a browser load a page over X25519MLKEM768.
func TestChromium(t *testing.T) {
	pki := pkiFiles(t)
	dom, said := chromium(t, "", []string{"--cert", filepath.Join(pki, "good.pem"), "--key", filepath.Join(pki, "good.key")}, "--ignore-certificate-errors")
	if !strings.Contains(dom, "<p>X25519MLKEM768</p>") {
		t.Errorf("the page is %q: %s", dom, said)
	}
}

// TestChromiumCertificates has a browser judge: post-quantum chains, which it
// takes; one for clients that ask for a trust anchor, which it does; and Merkle
// Tree Certificates, which it takes from no CA but its maker's. The roots are
// given by a policy, in a mount namespace.
func TestChromiumCertificates(t *testing.T) {
	merkle, dir := merkleFiles(t), t.TempDir()
	roots := string(enginetest.PQRoots(t))
	for _, file := range []string{filepath.Join(merkle, "ca/ca.pem"), filepath.Join(pkiFiles(t), "ca.pem")} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		roots += string(text)
	}
	policy := chromiumPolicy(t, roots)
	// One of the IDs that the browser asks for (Google Trust Services).
	id, err := trustanchor.ParseID("11129.9.1")
	if err != nil {
		t.Fatal(err)
	}
	properties, err := (&trustanchor.Properties{ID: id, OnDemand: true}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	onDemand := string(pem.EncodeToMemory(&pem.Block{Type: trustanchor.PEMType, Bytes: properties}))
	for _, tt := range []struct{ name, chain, before, want string }{
		{"ML-DSA-44", "pq-mldsa44", "", "<p>X25519MLKEM768</p>"},
		{"ML-DSA-65", "pq-mldsa65", "", "<p>X25519MLKEM768</p>"},
		{"ML-DSA-87", "pq-mldsa87", "", "<p>X25519MLKEM768</p>"},
		{"for clients that ask", "pq-mldsa44", onDemand, "<p>X25519MLKEM768</p>"},
		{"a standalone MTC", "standalone.pem", "", "net_error -202"}, // ERR_CERT_AUTHORITY_INVALID
		{"a landmark-relative MTC", "bare.pem", "", "net_error -202"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cert, key := filepath.Join(merkle, tt.chain), filepath.Join(merkle, "server.key")
			if !strings.HasSuffix(tt.chain, ".pem") {
				cert, key = enginetest.WriteFiles(t, enginetest.Chain(t, tt.chain), dir, strings.ReplaceAll(tt.name, " ", "-"))
			}
			text, err := os.ReadFile(cert)
			if err != nil {
				t.Fatal(err)
			}
			cert = filepath.Join(dir, "chain.pem")
			write(t, cert, tt.before+string(text))
			dom, said := chromium(t, policy, []string{"--cert", cert, "--key", key})
			if !strings.Contains(dom+said, tt.want) {
				t.Errorf("the page is %q: %s", dom, said)
			}
		})
	}
}

// chromiumPolicy writes a policy that has the browser trust roots. Only root can
// put it where the browser looks for it.
func chromiumPolicy(t *testing.T, roots string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to give chromium a policy")
	}
	if exec.Command("unshare", "-m", "true").Run() != nil {
		t.Skip("needs the right to mount a file system")
	}
	var policy struct{ CACertificates [][]byte }
	for rest := []byte(roots); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		policy.CACertificates = append(policy.CACertificates, block.Bytes)
	}
	text, err := json.Marshal(policy)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "policy.json")
	write(t, file, string(text))
	return file
}

// inPolicy starts a program where the policy "$0" is chromium's.
const inPolicy = `mount -t tmpfs tmpfs /etc/chromium && mkdir -p /etc/chromium/policies/managed && cp "$0" /etc/chromium/policies/managed/ && exec "$@"`

// chromium has the browser load a page from a listener with these options. It
// returns the page and what browser and listener said. Without a policy the
// machine's is in force.
func chromium(t *testing.T, policy string, options []string, flags ...string) (dom, said string) {
	t.Helper()
	needChromium(t)
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	l, err := startListener(log, os.Environ(), append(append([]string{"--engine", "pq"}, options...), "127.0.0.1:0", "--", "sh", "-c", page)...)
	if err != nil {
		t.Fatal(err)
	}
	defer l.stop()
	dom, said = browse(t, policy, l.address, flags...)
	text, _ := os.ReadFile(log.Name())
	return dom, said + "; tlsify said: " + string(text)
}

func needChromium(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("needs chromium")
	}
	return program
}

// browse has the browser load the page at an address.
func browse(t *testing.T, policy, address string, flags ...string) (dom, said string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	args := append([]string{needChromium(t), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir=" + t.TempDir()}, flags...)
	// The Merkle Tree Certificates are for 127.0.0.1 as well as the others.
	args = append(args, "--dump-dom", "https://"+address+"/")
	if policy != "" {
		args = append([]string{"unshare", "-m", "sh", "-c", inPolicy, policy}, args...)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // it has many processes
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var words strings.Builder
	cmd.Stderr = &words
	out, err := cmd.Output()
	if err != nil {
		words.WriteString(err.Error())
	}
	return string(out), words.String()
}
