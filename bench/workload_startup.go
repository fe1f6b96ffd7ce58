package bench

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// startupMetrics are what a start measures.
func startupMetrics() []Metric {
	return []Metric{
		{Name: "latency", Unit: "ms"}, // from fork to the server's first byte
		{Name: "cpu", Unit: "ms"},     // the helper's, up to then
		{Name: "memory", Unit: "MiB"},
		// What the handshake took on the wire, records' headers included.
		{Name: "sent", Unit: "B"},
		{Name: "received", Unit: "B"},
	}
}

// startup starts a helper and waits for the first byte that the server sends
// through it: process start, trust store, connection, handshake and
// verification.
func (r *Rig) startup(kind ServerKind, store Store) func(context.Context, Contestant) (Outcome, error) {
	return func(ctx context.Context, c Contestant) (Outcome, error) {
		target, err := r.Target(c.serverKind(kind))
		if err != nil {
			return Outcome{}, err
		}
		target.Store = store
		return startOnce(ctx, c, target, false)
	}
}

// startupAfter is a start on one root, after something was done to the
// contestant's program.
func (r *Rig) startupAfter(before func(*Rig, *Contestant) error) func(context.Context, Contestant) (Outcome, error) {
	return func(ctx context.Context, c Contestant) (Outcome, error) {
		target, err := r.Target(c.serverKind(ServerKind{Key: KeyP256}))
		if err == nil {
			err = before(r, &c)
		}
		if err != nil {
			return Outcome{}, err
		}
		return startOnce(ctx, c, target, false)
	}
}

// copyProgram has the contestant be a copy of itself, made once by write: it lies
// in memory in large pieces.
func (r *Rig) copyProgram(c *Contestant) error {
	return r.remakeProgram(c, "copied", func(f *os.File, content []byte) error {
		_, err := f.Write(content)
		return err
	})
}

// mapProgram has the contestant be a copy of itself, made once through a mapping
// of the file, as linkers do: it lies in memory in single pages.
func (r *Rig) mapProgram(c *Contestant) error {
	return r.remakeProgram(c, "mapped", func(f *os.File, content []byte) error {
		if err := f.Truncate(int64(len(content))); err != nil {
			return err
		}
		mapped, err := unix.Mmap(int(f.Fd()), 0, len(content), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			return os.NewSyscallError("mmap", err)
		}
		copy(mapped, content)
		return unix.Munmap(mapped)
	})
}

// remakeProgram has the contestant be a file of its content, written in some way.
func (r *Rig) remakeProgram(c *Contestant, way string, write func(*os.File, []byte) error) error {
	path, err := exec.LookPath(c.Program)
	if err != nil {
		return err
	}
	name := sha256.Sum256([]byte(path))
	remade := filepath.Join(r.dir, way+"-"+hex.EncodeToString(name[:8]), filepath.Base(path))
	c.Program = remade
	if _, err := os.Stat(remade); err == nil {
		return nil
	}
	content, err := os.ReadFile(path)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(remade), 0o700)
	}
	if err != nil {
		return err
	}
	f, err := os.OpenFile(remade, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o700)
	if err != nil {
		return err
	}
	return errors.Join(write(f, content), f.Close())
}

// coolProgram has the kernel drop what it has in memory of a copy of the
// contestant's program, which nobody else has open.
func (r *Rig) coolProgram(c *Contestant) error {
	if err := r.copyProgram(c); err != nil {
		return err
	}
	f, err := os.Open(c.Program)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil { // what is not on the disk yet cannot be dropped
		return err
	}
	return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}

// startOnce is one start, and the helper's end.
func startOnce(ctx context.Context, c Contestant, target Target, resumed bool) (Outcome, error) {
	h, err := start(ctx, c, target)
	if err != nil {
		return Outcome{}, err
	}
	negotiated, at, err := h.greeted()
	if err != nil {
		return Outcome{}, h.fail(err)
	}
	took, negotiated := cutWire(negotiated)
	if wasResumed := resumedGreeting(negotiated); wasResumed != resumed {
		return Outcome{}, h.fail(fmt.Errorf("resumed: %v, where it was to be %v", wasResumed, resumed))
	}
	peak, err := h.peakMemory()
	if err != nil {
		return Outcome{}, h.fail(err)
	}
	latency := at.Sub(h.Started)
	used, err := h.stop()
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{Negotiated: negotiated, Values: map[string]float64{
		"latency": milliseconds(latency),
		"cpu":     milliseconds(used),
		"memory":  float64(peak) / mib,
		"sent":    float64(took.Sent), "received": float64(took.Received),
	}}, nil
}

// prepareSession makes a connection, not measured, that leaves a new session in
// the file of the number. A session of an earlier trial is not used: a helper
// may use each only once, and their age would differ.
func prepareSession(ctx context.Context, c Contestant, target *Target, number int) error {
	target.Session = target.file(fmt.Sprintf("session-%d", number))
	if err := os.Remove(target.Session); err != nil && !os.IsNotExist(err) {
		return err
	}
	h, err := start(ctx, c, *target)
	if err != nil {
		return err
	}
	if _, _, err := h.greeted(); err != nil {
		return h.fail(err)
	}
	return h.finish()
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1e3 }

func resumedGreeting(negotiated string) bool { return strings.HasSuffix(negotiated, resumedMark) }
