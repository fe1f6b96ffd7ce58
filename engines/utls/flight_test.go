package utls

import (
	"bytes"
	"compress/zlib"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math/bits"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	klauspost "github.com/klauspost/compress/zstd"
	"golang.org/x/crypto/cryptobyte"

	"tlsify/engine"
	"tlsify/engine/adapter"
	"tlsify/engine/enginetest"
	"tlsify/engine/record"
	ourbrotli "tlsify/engines/brotli"
	ourzlib "tlsify/engines/zlib"
	"tlsify/engines/zstd"
)

// 29 bytes of a server that anybody could be had the library take half a gigabyte and
// seconds: a compressed certificate may come to 16 MiB, and what is a list of empty
// certificates has three million of them. A warning before the ServerHello, which the
// library passes over, kept us from seeing what it chose. And one by zstd, however long,
// could want a window of half a gigabyte, which the library reserves.
func TestCompressedCertificateIsBounded(t *testing.T) {
	const most = 1 << 18 // as long as one may be that is not compressed
	const beyond, short = "bytes, which the fingerprint asks for", "decompressed len"
	const tooLong, badContent = "a compressed certificate of", "a compressed certificate that does not decompress"
	warning := []byte{21, 3, 3, 0, 2, 1, 112}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // as tlsify has it: with more the library may have read on
	for _, c := range []struct {
		name    string
		message []byte
		before  []byte
		pieces  int // of the flight, each a record
		why     string
	}{
		{"as long as may be", byBrotli(t, most), nil, 1, ""},
		{"longer", byBrotli(t, most+1), nil, 1, tooLong},
		{"in pieces", byBrotli(t, most+1), nil, 30, tooLong},
		{"behind a warning", byBrotli(t, most+1), warning, 1, tooLong},
		{"the longest", byBrotli(t, 1<<24-1), nil, 1, tooLong},
		{"by zstd, of a window that everybody takes", byZstd(8<<20, 200, 200), nil, 1, ""},
		{"by zstd, in blocks, of which the library takes one", byZstd(8<<20, 4, 1000), nil, 1, beyond},
		{"by zstd, of a longer one", byZstd(512<<20, 4, 1000), nil, 1, badContent},
		{"by zstd, in pieces", byZstd(512<<20, 4, 1000), nil, 9, badContent},
		{"by zstd, too long", byZstd(8<<20, 4, most+1), nil, 1, tooLong},
		{"by zlib", byZlib(32<<10, 32<<10), nil, 1, ""},
		{"by zlib, longer than the library takes", byZlib(40000, 40000), nil, 1, beyond},
		{"by zlib, and less than it says", byZlib(1001, 1000), nil, 1, short},
	} {
		t.Run(c.name, func(t *testing.T) {
			encryptedExtensions, certificateRequest := []byte{8, 0, 0, 2, 0, 0}, []byte{13, 0, 0, 11, 0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3}
			flight := slices.Concat(encryptedExtensions, certificateRequest, c.message)
			s := newScene(t)
			s.client.Fingerprint = "firefox-153" // which takes all three algorithms
			log := &secretLog{}
			s.client.KeyLog = log
			var alert []byte
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := s.against(func(conn *net.TCPConn) {
				conn.Write(c.before)
				sendFlight(s, conn, log, slices.Collect(slices.Chunk(flight, (len(flight)+c.pieces-1)/c.pieces))...)
				theirs := log.protection(t, "CLIENT_HANDSHAKE_TRAFFIC_SECRET")
				answer, _ := io.ReadAll(conn)
				for rec, err := record.Next(answer); rec != nil && err == nil; rec, err = record.Next(answer) {
					answer = answer[len(rec):]
					if record.Type(rec[0]) == record.TypeApplicationData {
						_, alert, _ = theirs.Open(nil, rec)
					}
				}
			})
			runtime.ReadMemStats(&after)
			peer, blamed := err.(*engine.PeerError)
			if blamed == (c.why == beyond) || !strings.Contains(err.Error(), c.why) || c.why == "" && strings.Contains(err.Error(), "compressed") {
				t.Fatalf("%v", err)
			}
			if c.why != "" && blamed && peer.Fault != engine.FaultProtocol {
				t.Errorf("%v", peer.Fault)
			}
			if c.why != "" && !bytes.Equal(alert, []byte{2, byte(engine.AlertBadCertificate)}) {
				t.Errorf("the alert %v", alert)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 32<<20 {
				t.Errorf("%d KiB", used>>10)
			}
		})
	}
}

// Of a server whose certificates the library does not parse there was no evidence where
// they were compressed.
func TestCompressedCertificateIsShown(t *testing.T) {
	address := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: []byte{0x30, 7, 0x87, 5, 1, 2, 3, 4, 5}}
	leaf := enginetest.Issue(t, enginetest.PKI(t).Root, enginetest.CertOptions{Unchecked: true, Extensions: []pkix.Extension{address}}).Chain[0]
	var b cryptobyte.Builder
	b.AddUint8(0)
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(leaf) })
		b.AddUint16(0)
	})
	content := b.BytesOrPanic()
	var byZlib, byZstd bytes.Buffer
	for _, w := range []io.WriteCloser{zlib.NewWriter(&byZlib), zstdWriter(t, &byZstd)} {
		w.Write(content)
		w.Close()
	}
	byBrotli, err := ourbrotli.Compress(content)
	if err != nil {
		t.Fatal(err)
	}
	for algorithm, compressed := range map[uint16][]byte{ourzlib.ID: byZlib.Bytes(), ourbrotli.ID: byBrotli, zstd.ID: byZstd.Bytes()} {
		var b cryptobyte.Builder
		b.AddBytes([]byte{8, 0, 0, 2, 0, 0, 25}) // behind EncryptedExtensions
		b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
			b.AddUint16(algorithm)
			b.AddUint24(uint32(len(content)))
			b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(compressed) })
		})
		s := newScene(t)
		s.client.Fingerprint = "firefox-153"
		log := &secretLog{}
		s.client.KeyLog = log
		err := s.against(func(conn *net.TCPConn) {
			sendFlight(s, conn, log, b.BytesOrPanic())
			io.Copy(io.Discard, conn)
		})
		peer, blamed := errors.AsType[*engine.PeerError](err)
		if !blamed || peer.Fault != engine.FaultCertificate || peer.Shown == nil || !bytes.Equal(peer.Shown.Certificates[0].Raw, leaf) || len(peer.Shown.Malformed) != 1 {
			t.Errorf("algorithm %d: %v, %+v", algorithm, err, peer)
		}
	}
}

func zstdWriter(t *testing.T, to io.Writer) io.WriteCloser {
	w, err := klauspost.NewWriter(to)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// sendFlight answers a ClientHello, with pieces of the flight that are a record each.
func sendFlight(s *scene, conn *net.TCPConn, log *secretLog, pieces ...[]byte) {
	conn.Write(serverHelloTo(s.TB, readWireHello(s, conn).sessionID))
	ours := log.protection(s.TB, "SERVER_HANDSHAKE_TRAFFIC_SECRET")
	for _, piece := range pieces {
		slot := make([]byte, record.SlotLen)
		copy(slot[record.HeaderLen:], piece)
		conn.Write(ours.Seal(slot, len(piece), record.TypeHandshake))
	}
}

// emptyCertificates is the content of a Certificate message of that length: as many empty
// certificates as there is room for, and some bytes that are none.
func emptyCertificates(length int) []byte {
	content := make([]byte, length)
	content[1], content[2], content[3] = byte((length-4)>>16), byte((length-4)>>8), byte(length-4)
	return content
}

// compressedMessage is a CompressedCertificate.
func compressedMessage(algorithm byte, length int, compressed []byte) []byte {
	body := append([]byte{0, algorithm, byte(length >> 16), byte(length >> 8), byte(length), 0, 0, byte(len(compressed))}, compressed...)
	return append([]byte{25, 0, 0, byte(len(body))}, body...)
}

func byBrotli(t *testing.T, length int) []byte {
	var b bytes.Buffer
	w := brotli.NewWriter(&b)
	w.Write(emptyCertificates(length))
	w.Close()
	if b.Len() > 100 {
		t.Fatalf("%d bytes", b.Len())
	}
	return compressedMessage(2, length, b.Bytes())
}

// byZlib says a length that it may not have.
func byZlib(says, length int) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	w.Write(emptyCertificates(length))
	w.Close()
	return compressedMessage(1, says, b.Bytes())
}

// byZstd is one frame: a block of the first bytes, and one or more of the same byte again
// and again where there are others.
func byZstd(window, first, length int) []byte {
	const mostOfBlock, raw, repeated, last = 128 << 10, 0 << 1, 1 << 1, 1
	block := func(kind, n int, content ...byte) []byte {
		header := n<<3 | kind
		return append([]byte{byte(header), byte(header >> 8), byte(header >> 16)}, content...)
	}
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, byte(bits.Len(uint(window))-11) << 3}
	begin := raw
	if first == length {
		begin |= last
	}
	frame = append(frame, block(begin, first, emptyCertificates(length)[:first]...)...)
	for left := length - first; left > 0; left -= mostOfBlock {
		kind := repeated
		if left <= mostOfBlock {
			kind |= last
		}
		frame = append(frame, block(kind, min(left, mostOfBlock), 0)...)
	}
	return compressedMessage(3, length, frame)
}

// serverHelloTo chooses TLS 1.3 and x25519.
func serverHelloTo(t testing.TB, sessionID []byte) []byte {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	extensions := append([]byte{0, 43, 0, 2, 3, 4, 0, 51, 0, 36, 0, 29, 0, 32}, key.PublicKey().Bytes()...)
	body := append(append([]byte{3, 3}, bytes.Repeat([]byte{7}, 32)...), byte(len(sessionID)))
	body = append(append(body, sessionID...), 0x13, 0x01, 0)
	body = append(binary.BigEndian.AppendUint16(body, uint16(len(extensions))), extensions...)
	message := append([]byte{2, 0, 0, byte(len(body))}, body...)
	return append([]byte{22, 3, 3, 0, byte(len(message))}, message...)
}

// secretLog is a key log that is read while the handshake goes on.
type secretLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *secretLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// protection waits for a secret of TLS_AES_128_GCM_SHA256.
func (l *secretLog) protection(t testing.TB, label string) *record.Protection {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		l.mu.Lock()
		_, line, _ := strings.Cut(l.text.String(), label+" ")
		l.mu.Unlock()
		if fields := strings.Fields(line); len(fields) >= 2 {
			secret, _ := hex.DecodeString(fields[1])
			return record.New(record.SuiteOf(engine.Cipher(0x1301)), secret)
		}
	}
	t.Error("no " + label)
	return record.New(record.SuiteOf(engine.Cipher(0x1301)), make([]byte, 32))
}

// FuzzFlight has handshake messages come in two pieces, in which what is refused is
// what one piece shows to be too long.
func FuzzFlight(f *testing.F) {
	encryptedExtensions := []byte{8, 0, 0, 2, 0, 0}
	tooLong, longest := []byte{25, 0, 0, 8, 0, 2, 4, 0, 1, 0, 0, 0}, []byte{25, 0, 0, 8, 0, 2, 255, 255, 255, 0, 0, 0}
	f.Add(encryptedExtensions, 3)
	f.Add(slices.Concat(encryptedExtensions, tooLong), 12)
	f.Add(slices.Concat(encryptedExtensions, []byte{25, 0, 0, 8, 0, 2, 4, 0, 0, 0, 0, 0}), 14)
	f.Add(slices.Concat(encryptedExtensions, []byte{13, 0, 0, 1, 0}, longest), 8)
	f.Add(slices.Concat(encryptedExtensions, byZstd(512<<20, 4, 1000)), 8)
	f.Add(slices.Concat(encryptedExtensions, byZstd(8<<20, 4, 1000)), 30)
	f.Add([]byte{25, 0, 0, 3, 255, 255, 255, 255, 255}, 1)
	f.Add(slices.Concat([]byte{11, 0, 0, 0}, longest), 2)
	f.Add([]byte{8, 255, 255, 255}, 4)
	f.Fuzz(func(t *testing.T, content []byte, at int) {
		at = max(0, min(at, len(content)))
		refused := func(pieces ...[]byte) bool {
			read := &flight{h: &handshake{hello: &serverHello{}, records: adapter.NewRecordConn(unheard{})}}
			for _, piece := range pieces {
				if !read.over {
					read.content = append(read.content, piece...)
					read.messages()
				}
			}
			return read.refusal != nil
		}
		whole := refused(content)
		if refused(content[:at], content[at:]) != whole {
			t.Error("it depends on the pieces")
		}
		first := cryptobyte.String(bytes.TrimPrefix(content, encryptedExtensions))
		var kind uint8
		var length uint32
		var body, compressed cryptobyte.String
		if len(first) < 1<<16 && first.ReadUint8(&kind) && kind == 25 && first.ReadUint24LengthPrefixed(&body) && body.Skip(2) &&
			body.ReadUint24(&length) && length > 1<<18 && body.ReadUint24LengthPrefixed(&compressed) && !whole {
			t.Error("it is not refused")
		}
	})
}

// unheard is a stream that takes what is written.
type unheard struct{ net.Conn }

func (unheard) Write(p []byte) (int, error) { return len(p), nil }

// Behind each message of a record all that was left of it was copied: of 4,000 empty ones
// 14 ms.
func TestFlightOfManyMessages(t *testing.T) {
	const many = 1000
	record := bytes.Repeat([]byte{8, 0, 0, 0}, many)
	if cost := testing.AllocsPerRun(3, func() {
		f := &flight{h: &handshake{}, content: record}
		f.messages()
	}); cost > many/2 {
		t.Errorf("%v allocations", cost)
	}
}
