package line

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Listen gives a listener to which the way is the link, made by the kernel:
// behind a pair of virtual interfaces, with netem on both, whose other end is in
// a network namespace of its own. TCP then does on it what it does on a real
// line. It needs root, iproute2 and a kernel with netem; what it makes is gone
// when the process ends.
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

// listenThere takes the thread into a new namespace and lays the line.
func (l Link) listenThere() (net.Listener, error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, os.NewSyscallError("unshare", err)
	}
	pid := os.Getpid()
	near, far := fmt.Sprintf("tb%dn", pid), fmt.Sprintf("tb%df", pid)
	// Addresses for benchmarks (RFC 2544), four for each process.
	block := pid % 0x4000 * 4
	address := func(host int) string {
		return fmt.Sprintf("198.18.%d.%d", block>>8, block&0xff+host)
	}
	if err := command("ip", "link", "add", far, "type", "veth", "peer", "name", near, "netns", fmt.Sprint(pid)); err != nil {
		return nil, err
	}
	if err := l.lay(far, address(2)); err != nil {
		return nil, err
	}
	// Commands are started by this thread, and so in its namespace; others
	// start theirs where the process is.
	here := make(chan error)
	go func() { here <- l.lay(near, address(1)) }()
	if err := <-here; err != nil {
		return nil, err
	}
	return net.Listen("tcp4", address(2)+":0")
}

// lay brings up one end.
func (l Link) lay(device, address string) error {
	netem := []string{"tc", "qdisc", "add", "dev", device, "root", "netem", "delay", fmt.Sprintf("%dus", l.Delay.Microseconds()), "limit", "10000"}
	if l.Rate > 0 {
		netem = append(netem, "rate", fmt.Sprintf("%dbit", 8*l.Rate))
	}
	if l.Loss > 0 {
		netem = append(netem, "loss", fmt.Sprintf("%g%%", l.Loss))
	}
	err := errors.Join(
		command("ip", "address", "add", address+"/30", "dev", device),
		command("ip", "link", "set", device, "up"),
		command(netem...))
	if err != nil || l.Window == 0 {
		return err
	}
	// The route to the other end has the window, in place of the one that came
	// with the address.
	return command("ip", "route", "change", networkOf(address), "dev", device, "src", address, "initcwnd", fmt.Sprint(l.Window))
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
