package line

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Listen gives a listener to which the way is the link, made by the kernel:
// behind a pair of virtual interfaces, with netem on both, whose other end is in
// a network namespace of its own. TCP then does on it what it does on a real
// line: every segment is a packet that netem delays or drops by itself, and
// nothing is lost but what TCP sends. It needs root, iproute2 and a kernel with
// netem; what it makes is gone when the process ends.
func (l Link) Listen() (net.Listener, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("netem needs root")
	}
	var listener net.Listener
	err := onThread(func() (err error) {
		listener, err = l.listenThere()
		return err
	})
	return listener, err
}

// onThread runs f on a thread of its own, which ends with it, so that f may take
// that into another namespace. It is never the first one, of which the namespace
// is the process's.
func onThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			done <- f()
			return // still locked, which ends the thread
		}
		done <- onThread(f)
		runtime.UnlockOSThread()
	}()
	return <-done
}

// lines is how many this process has made, each with names of its own: those of
// one that is no more are not free at once.
var lines atomic.Int32

func nearDevice(number int) string { return fmt.Sprintf("tb%dn%d", os.Getpid(), number) }

// listenThere takes the thread into a new namespace and lays the line.
func (l Link) listenThere() (net.Listener, error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, os.NewSyscallError("unshare", err)
	}
	pid, number := os.Getpid(), int(lines.Add(1))
	near, far := nearDevice(number), fmt.Sprintf("tb%df%d", pid, number)
	// Addresses for benchmarks (RFC 2544), four for each line.
	block := (pid + 4099*number) % 0x4000 * 4
	address := func(host int) string {
		return fmt.Sprintf("198.18.%d.%d", block>>8, block&0xff+host)
	}
	if err := command("ip", "link", "add", far, "address", farMAC, "type", "veth",
		"peer", "name", near, "address", nearMAC, "netns", fmt.Sprint(pid)); err != nil {
		return nil, err
	}
	// What TCP has learned of one connection is not for the next. Where the
	// process is, that is for its owner to say.
	if err := os.WriteFile("/proc/sys/net/ipv4/tcp_no_metrics_save", []byte("1"), 0); err != nil {
		return nil, err
	}
	if err := l.lay(end{far, address(2)}, address(1), nearMAC); err != nil {
		return nil, err
	}
	// Commands are started by this thread, and so in its namespace; others
	// start theirs where the process is.
	here := make(chan error)
	go func() { here <- l.lay(end{near, address(1)}, address(2), farMAC) }()
	if err := <-here; err != nil {
		return nil, err
	}
	var plain net.ListenConfig
	plain.SetMultipathTCP(false)
	return plain.Listen(context.Background(), "tcp4", address(2)+":0")
}

// The ends' hardware addresses: each is told the other's, so that nobody asks for
// it over the line.
const nearMAC, farMAC = "02:00:00:00:00:01", "02:00:00:00:00:02"

// end is one end of the line.
type end struct{ device, address string }

// lay brings up one end, which finds the other at peer.
func (l Link) lay(e end, peer, peerMAC string) error {
	netem := []string{"tc", "qdisc", "add", "dev", e.device, "root", "netem", "delay", fmt.Sprintf("%dus", l.Delay.Microseconds()), "limit", "10000"}
	if l.Rate > 0 {
		netem = append(netem, "rate", fmt.Sprintf("%dbit", 8*l.Rate))
	}
	if l.Loss > 0 {
		netem = append(netem, "loss", "random", fmt.Sprintf("%g%%", l.Loss))
	}
	err := errors.Join(
		command("ip", "address", "add", e.address+"/30", "dev", e.device),
		// netem would lose what TCP leaves for the device to cut up as one packet.
		command("ip", "link", "set", e.device, "gso_max_segs", "1", "up"),
		command("ip", "neighbour", "add", peer, "lladdr", peerMAC, "dev", e.device, "nud", "permanent"),
		command(netem...))
	if err != nil || l.Window == 0 {
		return err
	}
	// The route to the other end has the window, in place of the one that came
	// with the address.
	return command("ip", "route", "change", networkOf(e.address), "dev", e.device, "src", e.address, "initcwnd", fmt.Sprint(l.Window))
}

// networkOf gives the network of four that an address is in.
func networkOf(address string) string {
	prefix, _ := netip.MustParseAddr(address).Prefix(30)
	return prefix.String()
}

func command(words ...string) error {
	said, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	if err != nil {
		text, _, _ := strings.Cut(strings.TrimSpace(string(said)), "\n")
		return fmt.Errorf("%s: %w: %s", strings.Join(words, " "), err, text)
	}
	return nil
}
