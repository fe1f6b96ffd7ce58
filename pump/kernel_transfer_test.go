//go:build linux

package pump

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"tlsify/engine"
	"tlsify/stream/streamtest"
)

var kernelSuites = []engine.Cipher{engine.AES128GCM, engine.AES256GCM, engine.ChaCha20Poly1305}

func TestKernelTransferSizes(t *testing.T) {
	needKernel(t)
	sent, received := statistic(t, "TlsTxSw"), statistic(t, "TlsRxSw")
	for _, cipher := range kernelSuites {
		t.Run(cipher.String(), func(t *testing.T) {
			for _, n := range []int{0, 1, 16385, 1 << 20} {
				for _, k := range []streamtest.Kind{streamtest.Kinds[0], streamtest.Kinds[3]} {
					w := newWire(t, cipher, k.Waiting)
					a := inKernel(t, k, w)
					a.plan.Answer = true
					exchange(t, a, w.peer(), streamtest.Noise(n), 100_000)
				}
			}
		})
	}
	if statistic(t, "TlsTxSw") == sent || statistic(t, "TlsRxSw") == received {
		t.Error("the kernel has had no part in it")
	}
}

// ChaCha20 is the quickest where everything is emulated.
func TestKernelTransferLarge(t *testing.T) {
	needKernel(t)
	for k, n := range map[streamtest.Kind]int{streamtest.Kinds[0]: 64 << 20, streamtest.Kinds[3]: 8 << 20} {
		t.Run(k.Name, func(t *testing.T) {
			w := newWire(t, engine.ChaCha20Poly1305, k.Waiting)
			a := inKernel(t, k, w)
			a.plan.Answer = true
			exchange(t, a, w.peer(), streamtest.Noise(n), 1<<20)
		})
	}
}

// Files can be spliced from and to, but for those that are open for appending,
// and devices not at all.
func TestKernelTransferFiles(t *testing.T) {
	needKernel(t)
	data := streamtest.Noise(3 << 20)
	dir := t.TempDir()
	source := filepath.Join(dir, "source")
	if err := os.WriteFile(source, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []int{0, os.O_APPEND} {
		t.Run(fmt.Sprint(flag), func(t *testing.T) {
			w := newWire(t, engine.AES128GCM, true)
			a := inKernel(t, streamtest.Kinds[0], w)
			in, err := unix.Open(source, unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			streamtest.CloseLater(t, in)
			target := filepath.Join(t.TempDir(), "target")
			out, err := unix.Open(target, unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC|flag, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			streamtest.CloseLater(t, out)
			a.plan.In, a.plan.Out = newFD(t, in), newFD(t, out)
			a.plan.Report = func(Event, error) {}
			a.begin()
			peer := w.peer()
			written := streamtest.Started(func() error { return errors.Join(pour(peer, data, 100_000), peer.CloseWrite()) })
			if err := drink(peer, data, 100_000); err != nil {
				t.Error("the peer: ", err)
			}
			if err := errors.Join(streamtest.Soon(t, "the peer's writing", written), streamtest.Soon(t, "Run", a.done)); err != nil {
				t.Error(err)
			}
			f, err := os.Open(target)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := drink(f, data, 1<<20); err != nil {
				t.Error("the file: ", err)
			}
		})
	}
}

// What the caller gives a byte at a time goes out at once, without waiting for
// more.
func TestKernelRoundTrips(t *testing.T) {
	needKernel(t)
	for _, k := range streamtest.Kinds[:4] {
		w := newWire(t, engine.AES128GCM, k.Waiting)
		a := inKernel(t, k, w).begin()
		peer := w.peer()
		for i := range 50 {
			text := streamtest.Noise(1 + i*37)
			a.writes(string(text))
			streamtest.WantRead(t, peer, string(text))
			if _, err := peer.Write(text); err != nil {
				t.Fatal(err)
			}
			streamtest.WantRead(t, a.out, string(text))
		}
		a.finishes()
		if err := peer.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if err := streamtest.Soon(t, "Run", a.done); err != nil {
			t.Errorf("%v: Run returned %v", k, err)
		}
	}
}
