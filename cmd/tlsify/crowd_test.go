package main

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tlsify/cmd/tlsify/internal/invocation"
)

// crowdSize is how large the crowd is without being asked for a larger one.
const crowdSize = 40

// A crowd of clients hold their connections and say nothing, and a flood of
// others begin a handshake and leave it there: those who come then are served,
// those who were there stay, and what it all costs is bounded. `make crowd` has
// 2,000 of each, with the program as it is built, and stunnel beside it.
func TestCrowd(t *testing.T) {
	size := number(os.Getenv("TLSIFY_CROWD"), crowdSize)
	if size == crowdSize {
		t.Parallel()
	}
	t.Run("tlsify", func(t *testing.T) { withCrowd(t, crowdOfTlsify(t, size), size) })
	if size > crowdSize {
		t.Run("stunnel", func(t *testing.T) { withCrowd(t, crowdOfStunnel(t), size) })
	}
}

// crowdHost is a server with its process and its address, which answers with
// what it is sent.
type crowdHost struct {
	pid     int
	address string
	most    int // of the handshakes that may be unfinished, or 0
}

func crowdOfTlsify(t *testing.T, size int) crowdHost {
	if size > crowdSize {
		// The test's own binary is larger, and is no measure.
		needGo(t)
		dir := t.TempDir()
		if out, err := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-tags", "utls,pq", "-o", dir+"/tlsify", ".").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		pkiFiles(t) // they stand beside the test's own
		t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	}
	handshakes := min(size/2, invocation.DefaultHandshakes)
	most := strconv.Itoa(2 * size)
	l, err := startListener(nil, os.Environ(), append(identity(t), "--max-connections", most, "--max-per-address", most,
		"--max-handshakes", strconv.Itoa(handshakes), "127.0.0.1:0", "--", "cat")...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.stop() })
	return crowdHost{l.process.Pid, l.address, handshakes}
}

func crowdOfStunnel(t *testing.T) crowdHost {
	program, err := exec.LookPath("stunnel")
	if err != nil {
		t.Skip("needs stunnel")
	}
	dir, address := t.TempDir(), "127.0.0.1:"+unusedPort(t)
	conf := fmt.Sprintf("foreground = yes\npid =\ndebug = 3\n[cat]\naccept = %s\nexec = /bin/cat\nexecArgs = cat\ncert = %[2]s/good.pem\nkey = %[2]s/good.key\n",
		address, pkiFiles(t))
	if err := os.WriteFile(dir+"/conf", []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, dir+"/conf")
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	if !becomes(func() bool {
		c, err := dialRaw(address)
		if err == nil {
			c.Close()
		}
		return err == nil
	}) {
		t.Fatal("stunnel does not listen: ", said.String())
	}
	return crowdHost{cmd.Process.Pid, address, 0}
}

func withCrowd(t *testing.T, host crowdHost, size int) {
	config := clientConfig(t)
	alone := visits(t, "alone", host, config)
	empty := familyOf(t, host.pid)

	began := time.Now()
	var mu sync.Mutex
	var crowd []*client
	defer func() {
		for _, c := range crowd {
			c.noter.Close()
		}
	}()
	var dialling sync.WaitGroup
	places := make(chan int)
	for range 8 {
		dialling.Go(func() {
			for range places {
				c, err := dialClient(host.address, config)
				if err != nil {
					t.Errorf("a connection of the crowd: %v", err)
					continue
				}
				c.noter.SetDeadline(time.Time{})
				mu.Lock()
				crowd = append(crowd, c)
				mu.Unlock()
			}
		})
	}
	for i := range size {
		places <- i
	}
	close(places)
	dialling.Wait()
	gathered := time.Since(began)
	idle := visits(t, "among idle connections", host, config)
	full := familyOf(t, host.pid)
	t.Logf("%d idle connections after %v; %s", size, gathered.Round(time.Millisecond), full.minus(empty).per(size))
	t.Logf("the server's own process: %+v (memory in kB)", usageOf(t, host.pid))

	t.Logf("visits alone: %v", alone)
	t.Logf("visits among idle connections: %v", idle)

	whole := hello(t)
	for what, first := range map[string][]byte{"half a first message": whole[:len(whole)/2], "a first message": whole} {
		stop := make(chan struct{})
		var flood sync.WaitGroup
		for i := range size {
			flood.Go(func() { floodFrom(fmt.Sprintf("127.0.%d.%d", 1+i/250, 1+i%250), host.address, first, stop) })
		}
		time.Sleep(2 * time.Second) // the flood has come to its height
		under := visits(t, "in the flood", host, config)
		// Each handshake has two processes; those that were ended for another, or
		// have served the last visit, may be on their way out.
		var flooded family
		bounded := becomes(func() bool {
			flooded = familyOf(t, host.pid)
			return host.most == 0 || flooded.processes-full.processes <= 2*host.most
		})
		close(stop)
		flood.Wait()
		t.Logf("with %d who leave it at %s: %s more", size, what, flooded.minus(full))
		t.Logf("visits meanwhile: %v", under)
		if !bounded {
			t.Errorf("the flood made %d processes", flooded.processes-full.processes)
		}
	}

	lost := 0
	for i, c := range crowd {
		c.noter.SetDeadline(time.Now().Add(patience))
		text := "connection " + strconv.Itoa(i)
		io.WriteString(c, text)
		if got := make([]byte, len(text)); func() error { _, err := io.ReadFull(c, got); return err }() != nil || string(got) != text {
			lost++
		}
	}
	t.Logf("%d of %d idle connections were lost", lost, size)
	if lost > 0 && host.most > 0 {
		t.Error("that is too many")
	}
}

// floodFrom begins one handshake after the other and leaves each there until
// the server ends it.
func floodFrom(address, to string, first []byte, stop chan struct{}) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: patience}
	for {
		select {
		case <-stop:
			return
		case <-time.After(100 * time.Millisecond):
		}
		conn, err := dialer.Dial("tcp4", to)
		if err != nil {
			continue
		}
		conn.Write(first)
		ended := make(chan struct{})
		go func() {
			io.Copy(io.Discard, conn)
			close(ended)
		}()
		select {
		case <-ended:
		case <-stop:
		}
		conn.Close()
	}
}

// visitTimes are how long visits took, each with a try or more.
type visitTimes struct {
	median, most time.Duration
	tries        float64
	inVain       int
}

func (v visitTimes) String() string {
	return fmt.Sprintf("%v (at most %v, %.1f tries, %d in vain)", v.median.Round(time.Millisecond), v.most.Round(time.Millisecond), v.tries, v.inVain)
}

// visits has twenty clients come, one after the other, who try again where
// they are refused, or where they wait too long: hostile ones that came later have
// their turns before (admission.go), which may take as long as a handshake may.
func visits(t *testing.T, when string, host crowdHost, config *tls.Config) visitTimes {
	t.Helper()
	var took []time.Duration
	tries, inVain := 0, 0
	const count, longestTurn = 20, 30 * time.Second // --handshake-timeout
	for range count {
		began := time.Now()
		if !becomesWithin(longestTurn+patience, func() bool {
			tries++
			c, err := dialClient(host.address, config)
			if err != nil {
				return false
			}
			defer c.noter.Close()
			got, how := c.talk("hello")
			return got == "hello" && how == "close_notify"
		}) {
			inVain++
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	if inVain > 0 && host.most > 0 {
		t.Errorf("%d of %d visits %s were in vain", inVain, count, when)
	}
	return visitTimes{took[count/2], took[count-1], float64(tries) / count, inVain}
}

// family is what a process and all below it have.
type family struct {
	processes, threads, descriptors int
	own, programs                   int // PSS in KiB: of the server itself; of the program of each connection
}

func familyOf(t *testing.T, root int) (f family) {
	t.Helper()
	for pids := []int{root}; len(pids) > 0; pids = pids[1:] {
		dir := filepath.Join("/proc", strconv.Itoa(pids[0]))
		comm, err := os.ReadFile(dir + "/comm")
		if err != nil {
			continue
		}
		pids = append(pids, childrenOf(pids[0])...)
		f.processes++
		threads, _ := os.ReadDir(dir + "/task")
		descriptors, _ := os.ReadDir(dir + "/fd")
		f.threads += len(threads)
		f.descriptors += len(descriptors)
		into := &f.own
		if string(comm) == "cat\n" {
			into = &f.programs
		}
		rollup, _ := os.ReadFile(dir + "/smaps_rollup")
		for line := range strings.Lines(string(rollup)) {
			if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "Pss:" {
				*into += number(fields[1], 0)
			}
		}
	}
	return f
}

func (f family) minus(g family) family {
	return family{f.processes - g.processes, f.threads - g.threads, f.descriptors - g.descriptors, f.own - g.own, f.programs - g.programs}
}

// per spells what each of n connections takes.
func (f family) per(n int) string {
	each := func(v int) string { return strconv.FormatFloat(float64(v)/float64(cmp.Or(n, 1)), 'f', 1, 64) }
	return fmt.Sprintf("for each: %s processes, %s threads, %s descriptors, %s KiB, and %s KiB of its program",
		each(f.processes), each(f.threads), each(f.descriptors), each(f.own), each(f.programs))
}

func (f family) String() string {
	return fmt.Sprintf("%d processes, %d threads, %d descriptors, %d KiB, and %d KiB of programs", f.processes, f.threads, f.descriptors, f.own, f.programs)
}
