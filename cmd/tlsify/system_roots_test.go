//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tlsify/engine/enginetest"
)

// The system's directory of roots holds links, and a process that is confined follows
// them into the distribution's places. A root behind a link to elsewhere is not found
// there, which is said; the system's file may have it all the same.
func TestSystemLinks(t *testing.T) {
	needSandbox(t)
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("needs openssl")
	}
	if exec.Command("unshare", "-m", "true").Run() != nil {
		t.Skip("needs the right to mount a file system")
	}
	pki := pkiFiles(t)
	hash, err := exec.Command(openssl, "x509", "-noout", "-hash", "-in", pki+"/ca.pem").Output()
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.ReadFile(pki + "/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(pki + "/other-ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	const place = "/usr/share/ca-certificates"
	if _, err := os.Stat(place); err != nil {
		t.Skip("this system has no hashed directory")
	}
	s := startServer(t, "echo")
	for _, c := range []struct {
		name, target string
		file         []byte // the system's other place
		want, says   string
	}{
		{"place", place + "/deep/root.crt", other, "verified system", ""},
		{"neighbour", "root.pem", other, "verified system", ""},
		{"elsewhere", "ELSEWHERE/root.pem", other, "error usage the roots in", "that leads out of the distribution's places"},
		{"elsewhere and in the file", "ELSEWHERE/root.pem", root, "verified system", ""},
		{"unconfined", "ELSEWHERE/root.pem", other, "verified system", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, name := range []string{"certs", "place/deep", "elsewhere"} {
				if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			target := strings.Replace(c.target, "ELSEWHERE", dir+"/elsewhere", 1)
			for name, content := range map[string][]byte{
				"place/deep/root.crt": root, "elsewhere/root.pem": root, "certs/root.pem": root, "certs/ca-certificates.crt": c.file,
			} {
				if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink(target, dir+"/certs/"+strings.TrimSpace(string(hash))+".0"); err != nil {
				t.Fatal(err)
			}
			sandbox := "--sandbox=require"
			if c.name == "unconfined" {
				sandbox = "--sandbox=off"
			}
			command := exec.Command("unshare", "-m", "sh", "-c",
				`mount --bind "$0/certs" /etc/ssl/certs && mount --bind "$0/place" `+place+` && exec tlsify connect --control-fd=3 "$@" 3>&1 </dev/null`,
				dir, sandbox, "--eof=half-close", "--name", enginetest.Host, s.address)
			command.Env = append(os.Environ(), "SSL_CERT_FILE=", "SSL_CERT_DIR=")
			said, _ := command.CombinedOutput()
			if !strings.Contains(string(said), "\n"+c.want) || !strings.Contains(string(said), c.says) {
				t.Errorf("%s", said)
			}
		})
	}
}
