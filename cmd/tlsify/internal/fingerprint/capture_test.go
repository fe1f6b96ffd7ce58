package fingerprint

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"
)

// wantCapture checks that the hello is found.
func wantCapture(t *testing.T, what string, capture, want []byte) {
	t.Helper()
	got, err := Capture(bytes.NewReader(capture))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes, %v; want %d", what, len(got), err, len(want))
	}
}

func TestCaptureForms(t *testing.T) {
	record := helloRecord(t, "tlsify.test")
	message := record[5:]
	spaced := ""
	for i, b := range record {
		spaced += fmt.Sprintf("%02X%c", b, " :\n"[min(i%17, 2)])
	}
	cut := slices.Concat([]byte{22, 3, 1, 0, 3}, message[:3], []byte{22, 3, 3, 0, 10}, message[3:13],
		binary.BigEndian.AppendUint16([]byte{22, 3, 3}, uint16(len(message)-13)), message[13:])
	for name, capture := range map[string][]byte{
		"record":               record,
		"message":              message,
		"record in hex":        []byte(hex.EncodeToString(record)),
		"message in hex":       []byte(strings.ToUpper(hex.EncodeToString(message)) + "\n"),
		"hex with space":       []byte(spaced),
		"records":              cut,
		"a record with others": append(slices.Clone(record), 20, 3, 3, 0, 1, 1, 23, 3, 3),
	} {
		wantCapture(t, name, capture, message)
	}
}

func TestCaptureFiles(t *testing.T) {
	message := helloMessage(t, "tlsify.test")
	stream := append(binary.BigEndian.AppendUint16([]byte{22, 3, 1}, uint16(len(message))), message...)
	for _, v6 := range []bool{false, true} {
		from, to := clientV4, serverV4
		if v6 {
			from, to = clientV6, serverV6
		}
		packets := split(from, to, 0xffffff00, stream, 500) // the numbers wrap
		for _, link := range []uint32{linkEthernet, linkRaw, linkRawBSD, linkRawBSDi, linkIPv4, linkIPv6, linkCooked, linkCooked2, linkNull, linkLoop} {
			name := fmt.Sprintf("link %d, IPv6 %v", link, v6)
			wantCapture(t, name, pcap(binary.LittleEndian, magicMicroseconds, link, packets...), message)
			wantCapture(t, name, pcap(binary.BigEndian, magicNanoseconds, link, packets...), message)
			for _, kind := range []uint32{blockPacket, blockOldPacket, blockSimple} {
				wantCapture(t, name, pcapng(binary.LittleEndian, link, kind, packets...), message)
				wantCapture(t, name, pcapng(binary.BigEndian, link, kind, packets...), message)
			}
		}
	}
}

func TestVLAN(t *testing.T) {
	record := helloRecord(t, "tlsify.test")
	frame := packet{clientV4, serverV4, 1, false, record}.frame(linkEthernet)
	for range 2 {
		frame = slices.Insert(frame, 12, 0x81, 0, 0, 7)
		if s, ok := segmentOf(linkEthernet, frame); !ok || !bytes.Equal(s.data, record) {
			t.Errorf("%d bytes, %v", len(s.data), ok)
		}
	}
}

func TestReassembly(t *testing.T) {
	record := helloRecord(t, "tlsify.test")
	message := record[5:]
	whole := split(clientV4, serverV4, 1000, record, 100)
	backwards := slices.Clone(whole)
	slices.Reverse(backwards)
	twice := slices.Concat(whole[:3], whole[2:4], whole[:2], whole[3:])
	other := split(serverV4, clientV4, 5, append([]byte{22, 3, 3, 0, 100, 2}, make([]byte, 99)...), 50)
	inClear := slices.Concat(split(clientV4, serverV4, 800, []byte("CONNECT tlsify.test:443 HTTP/1.1\r\n\r\n"), 500), whole[1:])
	overlap := []packet{whole[1], {clientV4, serverV4, 1050, false, record[50:300]}, {clientV4, serverV4, 1250, false, record[250:]}}
	second := helloRecord(t, "second.test")
	for name, packets := range map[string][]packet{
		"in order":                whole,
		"without the SYN":         whole[1:],
		"backwards":               backwards,
		"sent twice":              twice,
		"overlapping":             overlap,
		"the answer in between":   slices.Concat(whole[:4], other, whole[4:]),
		"behind a proxy's hello":  inClear,
		"byte by byte":            split(clientV4, serverV4, 1, record[:60], 1),
		"the first to be whole":   slices.Concat(split(clientV6, serverV6, 1, second[:len(second)-1], 500), whole),
		"fast open":               {{clientV4, serverV4, 999, true, record[:200]}, {clientV4, serverV4, 1200, false, record[200:]}},
		"with another connection": slices.Concat(split(clientV4, serverV6, 1, []byte("SSH-2.0-OpenSSH"), 4), whole),
	} {
		if name == "byte by byte" {
			packets = append(packets, packet{clientV4, serverV4, 61, false, record[60:]})
		}
		wantCapture(t, name, pcap(binary.LittleEndian, magicMicroseconds, linkRaw, packets...), message)
	}
}

// A capture whose every segment begins a ClientHello, none of them whole, took 20
// seconds; and it hides none that comes behind.
func TestManyBegun(t *testing.T) {
	record := helloRecord(t, "tlsify.test")
	segment := append([]byte{22, 3, 1, 0x40, 0, 1, 0, 0xff, 0}, make([]byte, 1391)...)
	var packets []packet
	seq := uint32(1)
	for range 8000 {
		packets = append(packets, packet{clientV4, serverV4, seq, false, segment})
		seq += uint32(len(segment))
	}
	packets = append(packets, packet{clientV4, serverV4, seq, false, record})
	begin := cpuTime(t)
	wantCapture(t, "many begun", pcap(binary.LittleEndian, magicMicroseconds, linkRaw, packets...), record[5:])
	if took := cpuTime(t) - begin; took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// cpuTime is what this process has used of processors: a busy machine's clock
// says nothing.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// What has no ClientHello says why.
func TestCaptureRefused(t *testing.T) {
	record := helloRecord(t, "tlsify.test")
	whole := split(clientV4, serverV4, 1, record, 500)
	file := pcap(binary.LittleEndian, magicMicroseconds, linkEthernet, whole...)
	ng := pcapng(binary.LittleEndian, linkEthernet, blockPacket, whole...)
	fragment := packet{clientV4, serverV4, 1, false, record}.ip()
	fragment[6] = 0x20
	for name, c := range map[string]struct {
		capture []byte
		want    string
	}{
		"nothing":              {nil, "empty"},
		"a text":               {[]byte("hello"), "neither"},
		"a server's record":    {append([]byte{22, 3, 3, 0, 4, 2}, 0, 0, 0), "no ClientHello"},
		"an empty record":      {[]byte{22, 3, 1, 0, 0}, "0 bytes"},
		"a long record":        {[]byte{22, 3, 1, 0x40, 1}, "16385 bytes"},
		"a long message":       {[]byte{22, 3, 1, 0, 4, 1, 255, 255, 255}, "more than 65536"},
		"a cut record":         {record[:100], "cut off"},
		"a cut message":        {record[5:100], "cut off"},
		"two in one record":    {append([]byte{22, 3, 1, 0, 9, 1, 0, 0, 1, 7}, 1, 0, 0, 0), "follows"},
		"half a byte of hex":   {[]byte(hex.EncodeToString(record) + "0"), "neither"},
		"a pcap header":        {file[:20], "cut off"},
		"an empty pcap":        {file[:24], "no TCP data"},
		"a cut pcap":           {file[:500], "cut off"},
		"without the end":      {pcap(binary.LittleEndian, magicMicroseconds, linkEthernet, whole[:len(whole)-1]...), "cut off"},
		"another link type":    {pcap(binary.LittleEndian, magicMicroseconds, 105, whole...), "no TCP data"},
		"a pcapng header":      {ng[:20], "cut off"},
		"an empty pcapng":      {ng[:28], "no TCP data"},
		"a cut pcapng":         {ng[:300], "cut off"},
		"no byte order":        {append(slices.Clone(ng[:8]), make([]byte, 20)...), "byte order"},
		"a block of no length": {append(slices.Clone(ng[:28]), make([]byte, 12)...), "cut off"},
		"TCP without TLS":      {pcap(binary.BigEndian, magicMicroseconds, linkRaw, split(clientV4, serverV4, 1, []byte("GET /"), 9)...), "no ClientHello"},
		"too much":             {make([]byte, fileLimit+1), "more than"},
	} {
		got, err := Capture(bytes.NewReader(c.capture))
		if err == nil || !strings.Contains(err.Error(), c.want) || got != nil {
			t.Errorf("%s: %d bytes, error %v; want one that says %q", name, len(got), err, c.want)
		}
	}
	if _, ok := segmentOf(linkRaw, fragment); ok {
		t.Error("a fragment was taken for a packet")
	}
	failure := errors.New("failure")
	if _, err := Capture(iotest.ErrReader(failure)); err != failure {
		t.Errorf("%v", err)
	}
}

// ReadHello takes no byte more than it needs.
func TestReadHello(t *testing.T) {
	record := helloRecord(t, "tlsify.test")
	stream := bytes.NewReader(append(slices.Clone(record), "rest"...))
	got, err := ReadHello(iotest.OneByteReader(stream))
	if err != nil || !bytes.Equal(got, record[5:]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if rest, _ := io.ReadAll(stream); string(rest) != "rest" {
		t.Errorf("%q is left", rest)
	}
	for name, b := range map[string]string{"HTTP": "GET / HTTP/1.1\r\n\r\n", "SSL 2": "\x80\x2e\x01\x03\x01\x00\x15", "an alert": "\x15\x03\x01\x00\x02\x02\x28"} {
		if _, err := ReadHello(strings.NewReader(b)); err == nil || !strings.Contains(err.Error(), "no TLS handshake record") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A byte a record is as good as any, up to the limit of the message.
	for _, length := range []int{1000, 0xffff} {
		message := append([]byte{1, 0, byte(length >> 8), byte(length)}, make([]byte, length)...)
		var stream []byte
		for _, b := range message {
			stream = append(stream, 22, 3, 1, 0, 1, b)
		}
		got, err := ReadHello(bytes.NewReader(stream))
		if (err == nil) != (len(message) <= helloLimit) || err == nil && !bytes.Equal(got, message) {
			t.Errorf("of %d bytes: %d, %v", len(message), len(got), err)
		}
	}
}

func FuzzCapture(f *testing.F) {
	record := helloRecord(f, "tlsify.test")
	whole := split(clientV4, serverV4, 1, record, 500)
	f.Add(record)
	f.Add([]byte(hex.EncodeToString(record)))
	f.Add(pcap(binary.LittleEndian, magicMicroseconds, linkEthernet, whole...))
	f.Add(pcap(binary.BigEndian, magicNanoseconds, linkCooked2, split(clientV6, serverV6, 1, record, 700)...))
	f.Add(pcapng(binary.LittleEndian, linkRaw, blockPacket, whole...))
	f.Add(pcapng(binary.BigEndian, linkNull, blockSimple, whole...))
	f.Fuzz(func(t *testing.T, capture []byte) {
		hello, err := Capture(bytes.NewReader(capture))
		if (err == nil) != (hello != nil) {
			t.Fatalf("%d bytes with error %v", len(hello), err)
		}
		if err != nil {
			return
		}
		all, _ := CaptureAll(bytes.NewReader(capture))
		if len(all) == 0 || !bytes.Equal(all[0].Message, hello) {
			t.Errorf("of %d that were found the first is another", len(all))
		}
		for _, found := range all {
			if _, err := found.Parse(); err != nil {
				t.Errorf("what was found cannot be parsed: %v", err)
			}
		}
		// What was found is found again in what was found.
		if again, err := Capture(bytes.NewReader(hello)); err != nil || !bytes.Equal(again, hello) {
			t.Errorf("%d bytes became %d, %v", len(hello), len(again), err)
		}
	})
}
