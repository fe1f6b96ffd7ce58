package main

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Under inetd descriptor 2 is the network, and what keeps tlsify from serving is
// told by the system's log: here, a key that is not this user's. The network
// sees nothing of it. So it is where the options are in a file.
func TestInetdTellsTheLog(t *testing.T) {
	t.Run("arguments", func(t *testing.T) {
		inetdTellsTheLog(t, `exec 'DIR/tlsify' accept --cert 'DIR/cert' --key 'DIR/key' -- /bin/cat`, "")
	})
	t.Run("options", func(t *testing.T) {
		inetdTellsTheLog(t, `exec 'DIR/tlsify' accept --options-fd 9 -- /bin/cat 9<'DIR/options'`, "cert DIR/cert\nkey DIR/key\n")
	})
}

// inetdTellsTheLog has inetd start a server by a script, which may find options in a
// file.
func inetdTellsTheLog(t *testing.T, script, options string) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become another user")
	}
	inetd, err := exec.LookPath("inetd")
	if err != nil {
		if inetd, err = exec.LookPath("/usr/sbin/inetd"); err != nil {
			t.Skip("needs inetd")
		}
	}
	if exec.Command("unshare", "-m", "true").Run() != nil {
		t.Skip("needs the right to mount a file system")
	}
	t.Parallel()
	dir := t.TempDir()
	for d := dir; strings.Contains(d, "TestInetd"); d = filepath.Dir(d) {
		os.Chmod(d, 0o755)
	}
	// Where the log is in a mount namespace of inetd's own.
	run := filepath.Join(dir, "run")
	os.Mkdir(run, 0o755)
	log, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: run + "/syslog", Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	os.Chmod(run+"/syslog", 0o666)
	linkProgram(t, dir)
	pki, key := pkiFiles(t), dir+"/key"
	content, _ := os.ReadFile(pki + "/good.key")
	chain, _ := os.ReadFile(pki + "/good.pem")
	os.WriteFile(key, content, 0o600)
	os.WriteFile(dir+"/cert", chain, 0o644)
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	address := "127.0.0.1:" + port
	os.WriteFile(run+"/serve", []byte(strings.ReplaceAll(script, "DIR", dir)), 0o644)
	os.WriteFile(dir+"/options", []byte(strings.ReplaceAll(options, "DIR", dir)), 0o644)
	conf := address + " stream tcp nowait nobody /bin/sh sh /run/serve\n" // whose words have no spaces
	os.WriteFile(dir+"/inetd.conf", []byte(conf), 0o644)
	command := exec.Command("unshare", "-m", "sh", "-c", `mount --bind "$0" /run && exec "$@"`, run, inetd, "-i", dir+"/inetd.conf")
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		command.Process.Signal(syscall.SIGTERM)
		command.Wait()
	}()
	var got []byte
	if !becomes(func() bool {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		got, _ = io.ReadAll(conn)
		return true
	}) {
		t.Fatal("inetd does not listen")
	}
	if len(got) > 0 {
		t.Errorf("on the network: %q", got)
	}
	said := make([]byte, 1000)
	log.SetReadDeadline(time.Now().Add(patience))
	for {
		n, err := log.Read(said)
		if err != nil {
			t.Fatalf("nothing in the log: %v", err)
		}
		if line := string(said[:n]); strings.Contains(line, "tlsify[") {
			if !strings.HasPrefix(line, "<27>") || !strings.HasSuffix(line, "]: --key: "+key+": permission denied (usage)") {
				t.Errorf("in the log: %q", line)
			}
			break
		}
	}
	os.Chmod(key, 0o644)
	c, err := dialClient(address, clientConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	if got, how := c.talk("hello"); got != "hello" || how != "close_notify" {
		t.Errorf("got %q, end %s", got, how)
	}
}
