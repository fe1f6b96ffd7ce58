package main

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// Where the system lets a user have few threads, the listener and the signing
// process are the last to go without: under 500 hostile connections, with a
// descriptor 2 that nobody reads, they live, and serve whoever comes then.
func TestFewThreads(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to have a user of its own")
	}
	prlimit, err := exec.LookPath("prlimit")
	if err != nil {
		t.Skip("needs prlimit")
	}
	whole := hello(t)
	// What another user can read.
	dir := t.TempDir()
	os.Chmod(dir, 0o755)
	os.Chmod(filepath.Dir(dir), 0o755)
	own := []string{"--cert=" + dir + "/cert", "--key=" + dir + "/key"}
	for from, to := range map[string]string{"/good.pem": "/cert", "/good.key": "/key"} {
		content, _ := os.ReadFile(pkiFiles(t) + from)
		os.WriteFile(dir+to, content, 0o644)
	}
	env := append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	linkProgram(t, dir)
	for i, most := range []int{60, 120, 300, -60} {
		name, byRoot := strconv.Itoa(most), most > 0
		if !byRoot {
			name, most = "60-not-by-root", -most
		}
		t.Run(name, func(t *testing.T) {
			unread, log, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer unread.Close()
			unix.FcntlInt(log.Fd(), unix.F_SETPIPE_SZ, 4096)
			log.Write(make([]byte, 4096))
			// Nobody else has this user.
			user := strconv.Itoa(200_000 + 4*(os.Getpid()%10_000) + i)
			by, args := []string{prlimit, "--nproc=" + strconv.Itoa(most)}, append(own, "127.0.0.1:0", "--", "cat")
			if byRoot {
				args = append([]string{"--user=" + user + ":" + user}, args...)
			} else {
				by = append([]string{"setpriv", "--reuid=" + user, "--regid=" + user, "--clear-groups"}, by...)
			}
			l, err := startListenerBy(log, env, by, args...)
			log.Close()
			if err != nil {
				t.Fatal(err)
			}
			signer := findSigning(l.process.Pid)
			var hostile []net.Conn
			for n := range 500 {
				c, err := dialRaw(l.address)
				if err != nil {
					t.Fatalf("connection %d: %v", n, err)
				}
				c.Write([][]byte{whole, []byte("x"), []byte("GET / HTTP/1.0\r\n\r\n"), whole[:len(whole)/2]}[n%4])
				hostile = append(hostile, c)
			}
			if signer != findSigning(l.process.Pid) {
				t.Error("the signing process is another")
			}
			for _, c := range hostile {
				c.Close()
			}
			for n := range 10 {
				served := becomes(func() bool {
					c, err := dialClient(l.address, clientConfig(t))
					if err != nil {
						return false
					}
					defer c.noter.Close()
					io.WriteString(c, "hello")
					_, err = io.ReadFull(c, make([]byte, 5))
					return err == nil
				})
				if !served {
					t.Fatalf("client %d is not served", n)
				}
			}
			if err := l.stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// linkProgram puts tlsify where other users find it.
func linkProgram(t *testing.T, dir string) {
	t.Helper()
	program, err := exec.LookPath("tlsify")
	if err == nil {
		program, err = filepath.EvalSymlinks(program)
	}
	if err == nil {
		err = os.Link(program, dir+"/tlsify")
	}
	if err != nil {
		t.Fatal(err)
	}
}
