//go:build pq

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// page answers a browser's request with a page that names the group.
const page = `while read -r line && [ "$line" != "$(printf '\r')" ]; do :; done
printf 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<p>%s</p>' "$TLSIFY_GROUP"`

// TestChromium has a browser load a page over X25519MLKEM768. Browsers know no
// ML-DSA yet, so that the certificate is a classical one.
func TestChromium(t *testing.T) {
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("needs chromium")
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	pki := pkiFiles(t)
	l, err := startListener(log, os.Environ(), "--engine", "pq", "--cert", filepath.Join(pki, "good.pem"), "--key", filepath.Join(pki, "good.key"),
		"127.0.0.1:0", "--", "sh", "-c", page)
	if err != nil {
		t.Fatal(err)
	}
	defer l.stop()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--ignore-certificate-errors",
		"--user-data-dir="+t.TempDir(), "--dump-dom", "https://"+l.address+"/")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // it has many processes
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	dom, err := cmd.Output()
	if !strings.Contains(string(dom), "<p>X25519MLKEM768</p>") {
		said, _ := os.ReadFile(log.Name())
		t.Errorf("the page is %q (%v); tlsify said: %s", dom, err, said)
	}
}

func TestDemoPQ(t *testing.T) {
	demo(t, "demo-pq.sh", "and X25519MLKEM768;", "signature mldsa65", "and MLKEM1024;", "signature mldsa65",
		"error tls-alert", "security-level", "== Done")
}
