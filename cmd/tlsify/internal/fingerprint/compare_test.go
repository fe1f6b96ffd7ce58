package fingerprint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// Every connection's ClientHello is found, once, and both where one sends a
// second after a HelloRetryRequest; a damaged end hides none before it.
func TestCaptureAll(t *testing.T) {
	one, two, again := helloRecord(t, "one.test"), helloRecord(t, "two.test"), helloRecord(t, "again.test")
	first := split(clientV4, serverV4, 1000, one, 400)
	packets := slices.Concat(first, split(clientV6, serverV6, 7, two, 300), first,
		[]packet{{clientV4, serverV4, 1000 + uint32(len(one)), false, append(slices.Clone(changeCipherSpec), again...)}}, first[:2])
	file := pcap(binary.LittleEndian, magicMicroseconds, linkEthernet, packets...)
	for name, content := range map[string][]byte{"whole": file, "cut": append(slices.Clone(file), 1, 2, 3)} {
		found, err := CaptureAll(bytes.NewReader(content))
		if (err != nil) != (name == "cut") || len(found) != 3 {
			t.Fatalf("%s: %d, %v", name, len(found), err)
		}
		for i, want := range [][]byte{one[5:], two[5:], again[5:]} {
			if !bytes.Equal(found[i].Message, want) {
				t.Errorf("%s: number %d is another", name, i)
			}
		}
		if found[0].From != clientV4 || found[1].To != serverV6 {
			t.Errorf("%s: from %v to %v", name, found[0].From, found[1].To)
		}
		h, err := found[1].Parse()
		var out bytes.Buffer
		if err != nil || json.NewEncoder(&out).Encode(h.Report()) != nil || strings.Count(out.String(), "\n") != 1 ||
			!strings.Contains(out.String(), `"client":"[2001:db8::1]:50000","server":"[2001:db8::2]:443"`) {
			t.Errorf("%s: %v, %s", name, err, out.String())
		}
	}
}

func TestSave(t *testing.T) {
	message := helloMessage(t, "tlsify.test")
	var file bytes.Buffer
	if err := Save(&file, message); err != nil {
		t.Fatal(err)
	}
	wantCapture(t, "what was saved", file.Bytes(), message)
}

func parsed(t testing.TB, message []byte) *Hello {
	t.Helper()
	h, err := Parse(message)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestCompare(t *testing.T) {
	a, b := parsed(t, helloMessage(t, "tlsify.test")), parsed(t, helloMessage(t, "tlsify.test"))
	if list := Compare(a, b); list != nil {
		t.Errorf("two of one program differ: %+v", list)
	}
	b = parsed(t, helloMessage(t, "other.test"))
	if list := Compare(a, b); len(list) != 1 || list[0].What != "server_name" || !strings.HasSuffix(list[0].A, "tlsify.test") {
		t.Errorf("with another name: %+v", list)
	}
	swapped := *a
	swapped.Extensions = slices.Clone(a.Extensions)
	swapped.Extensions[0], swapped.Extensions[1] = swapped.Extensions[1], swapped.Extensions[0]
	if list := Compare(a, &swapped); len(list) != 1 || list[0].What != "order of the extensions" {
		t.Errorf("in another order: %+v", list)
	}
	swapped.Extensions = swapped.Extensions[1:]
	list := Compare(a, &swapped)
	if i := slices.IndexFunc(list, func(d Difference) bool { return d.B == absent }); i < 0 || len(list) != 2 {
		t.Errorf("without one, which JA4 shows as well: %+v", list)
	}
	var text, encoded bytes.Buffer
	if WriteComparison(&text, list) != nil || json.NewEncoder(&encoded).Encode(Comparison(list)) != nil || !json.Valid(encoded.Bytes()) || !strings.Contains(text.String(), "  B -\n") {
		t.Errorf("%s%s", &text, &encoded)
	}
}

// Of programs that shuffle their extensions it is said that they do, because
// another order says nothing of them.
func TestCompareShuffled(t *testing.T) {
	compared := func(h *Hello) string {
		other := *h
		other.Extensions = slices.Clone(h.Extensions)
		other.Extensions[1], other.Extensions[2] = other.Extensions[2], other.Extensions[1]
		var text strings.Builder
		if err := WriteComparison(&text, Compare(h, &other)); err != nil {
			t.Fatal(err)
		}
		return text.String()
	}
	const note = "Chromium and its like"
	if text := compared(parsed(t, chrome().message())); !strings.Contains(text, whatOrder) || !strings.Contains(text, note) {
		t.Errorf("of Chromium's it says %s", text)
	}
	if text := compared(parsed(t, helloMessage(t, "tlsify.test"))); !strings.Contains(text, whatOrder) || strings.Contains(text, note) {
		t.Errorf("of crypto/tls's it says %s", text)
	}
}

// Two ClientHellos of strangers can always be compared: nothing differs from
// itself, and what differs does so both ways.
func FuzzCompare(f *testing.F) {
	f.Add(helloMessage(f, "one.test"), chrome().message())
	f.Add(helloMessage(f, "one.test"), helloMessage(f, "two.test"))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		a, err := Parse(one)
		b, errB := Parse(two)
		if err != nil || errB != nil {
			return
		}
		if list := Compare(a, a); list != nil {
			t.Errorf("%+v", list)
		}
		there, back := Compare(a, b), Compare(b, a)
		if len(there) != len(back) {
			t.Errorf("%+v and %+v", there, back)
		}
		var text bytes.Buffer
		if WriteComparison(&text, there) != nil {
			t.Error("no text")
		}
		if at := strings.IndexFunc(text.String(), func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f }); at >= 0 {
			t.Errorf("the text has %q", text.String()[at:])
		}
	})
}
