package pump

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"tlsify/engine"
	"tlsify/engine/record"
	"tlsify/stream/streamtest"
)

// The layout is that of linux/tls.h; secret, key and IV are those of RFC 8448,
// section 3, for the server's handshake traffic.
func TestCryptoInfo(t *testing.T) {
	secret, _ := hex.DecodeString("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38")
	got := cryptoInfo(record.Resume(engine.TrafficKey{Cipher: engine.AES128GCM, Secret: secret, Sequence: 0x0102}))
	want := binary.NativeEndian.AppendUint16(nil, 0x0304)
	want = binary.NativeEndian.AppendUint16(want, 51)
	rest, _ := hex.DecodeString("671276ee13000b30" + "3fce516009c21727d0f2e4e86ee403bc" + "5d313eb2" + "0000000000000102")
	if want = append(want, rest...); !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
	for cipher, n := range map[engine.Cipher]int{engine.AES128GCM: 40, engine.AES256GCM: 56, engine.ChaCha20Poly1305: 56} {
		secret := make([]byte, record.SuiteOf(cipher).Hash().Size())
		if got := cryptoInfo(record.Resume(engine.TrafficKey{Cipher: cipher, Secret: secret})); len(got) != n {
			t.Errorf("%v: %d bytes", cipher, len(got))
		}
	}
}

func TestRecordTypeMessage(t *testing.T) {
	message := typeMessage(record.TypeAlert)
	if got, err := recordType(message); got != 0 || err != nil {
		t.Errorf("a message to the kernel is none from it: %v, %v", got, err)
	}
	messages, err := unix.ParseSocketControlMessage(message)
	if err != nil || len(messages) != 1 || messages[0].Header.Level != unix.SOL_TLS || !bytes.Equal(messages[0].Data, []byte{21}) {
		t.Errorf("%+v, %v", messages, err)
	}
	(*unix.Cmsghdr)(unsafe.Pointer(&message[0])).Type = tlsGetRecordType
	if got, err := recordType(message); got != record.TypeAlert || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := recordType(nil); got != 0 || err != nil {
		t.Errorf("nothing: %v, %v", got, err)
	}
}

// What the kernel can't have is refused before anything has happened to the
// connection, which is then good for another way.
func TestKernelRefuses(t *testing.T) {
	good := func(stream net.Conn) *engine.Keys {
		key := engine.TrafficKey{Cipher: engine.AES128GCM, Secret: make([]byte, 32)}
		return &engine.Keys{Stream: stream, In: key, Out: key, RecordLimit: record.MaxPlaintext}
	}
	for name, keys := range map[string]func() *engine.Keys{
		"no descriptor": func() *engine.Keys {
			a, b := net.Pipe()
			t.Cleanup(func() { a.Close(); b.Close() })
			return good(a)
		},
		"socketpair": func() *engine.Keys {
			ends := streamtest.Socketpair(t)
			streamtest.CloseLater(t, ends[0])
			streamtest.CloseLater(t, ends[1])
			return good(newFD(t, ends[0]))
		},
		"pipe": func() *engine.Keys {
			a, b := streamtest.Kinds[0].Flow(t)
			streamtest.CloseLater(t, a)
			return good(newFD(t, b))
		},
		"not connected": func() *engine.Keys {
			n, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			streamtest.CloseLater(t, n)
			return good(newFD(t, n))
		},
		"small records": func() *engine.Keys {
			keys := newWire(t, engine.AES128GCM, false).keys
			keys.RecordLimit = 1000
			return keys
		},
		"unknown cipher": func() *engine.Keys {
			keys := newWire(t, engine.AES128GCM, false).keys
			keys.Out.Cipher = 0x1304
			return keys
		},
	} {
		t.Run(name, func(t *testing.T) {
			var refused *KernelError
			if _, err := newKernelCarrier(keys()); !errors.As(err, &refused) {
				t.Errorf("got %v (%T)", err, err)
			}
		})
	}
}
