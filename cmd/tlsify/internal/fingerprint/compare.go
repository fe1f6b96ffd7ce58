package fingerprint

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A Difference is something in which two ClientHellos differ, beyond what is
// random in all: "-" is what one of them lacks.
type Difference struct {
	What string `json:"what"`
	A    string `json:"a"`
	B    string `json:"b"`
}

// whatOrder is what a Difference in the order of the extensions is of.
const whatOrder = "order of the extensions"

// shuffled tells whether an order looks like that of a program that has another
// each time: BoringSSL's have GREASE at both ends then.
func shuffled(order string) bool {
	order = strings.TrimSuffix(order, " "+extensionName(extPreSharedKey))
	return strings.HasPrefix(order, greaseLabel) && strings.HasSuffix(order, greaseLabel+"2")
}

// absent stands for what a ClientHello has not.
const absent = "-"

// Compare says in what two ClientHellos differ: the frame, the order of the
// extensions, and each extension by itself. Values of GREASE, keys, tickets and
// the like count by their place and length alone.
func Compare(a, b *Hello) (list []Difference) {
	note := func(what, of, other string) {
		if of != other {
			list = append(list, Difference{what, of, other})
		}
	}
	note("JA4", a.JA4(), b.JA4())
	note("legacy_version", nameOf(a.Version, versionNames[:]), nameOf(b.Version, versionNames[:]))
	note("session_id", fmt.Sprintf("%d bytes", len(a.SessionID)), fmt.Sprintf("%d bytes", len(b.SessionID)))
	note("cipher_suites", suiteList(a.Suites), suiteList(b.Suites))
	note("compression_methods", fmt.Sprint(a.Compression), fmt.Sprint(b.Compression))
	ofA, ofB := a.contents(), b.contents()
	for _, e := range ofA {
		note(e.label, e.content, contentOf(ofB, e.label))
	}
	for _, e := range ofB {
		if contentOf(ofA, e.label) == absent {
			note(e.label, absent, e.content)
		}
	}
	note(whatOrder, order(ofA, ofB), order(ofB, ofA))
	return list
}

// greaseLabel is what they are called, with a number behind it.
const greaseLabel = "GREASE extension "

// labelled is an extension as it is compared. Of GREASE there are several.
type labelled struct{ label, content string }

func (h *Hello) contents() (list []labelled) {
	grease := 0
	for _, e := range h.Extensions {
		label := extensionName(e.ID)
		if isGREASE(e.ID) {
			grease++
			label = fmt.Sprint(greaseLabel, grease)
		}
		list = append(list, labelled{label, e.content()})
	}
	return list
}

// content is what of an extension is the same in two ClientHellos of one
// program.
func (e *Extension) content() string {
	length := fmt.Sprintf("%d bytes", e.Length)
	switch e.ID {
	case extSessionTicket, extPadding:
		return length
	}
	if e.Values != nil {
		return length + ": " + strings.Join(e.Values, ", ")
	}
	if len(e.body) == 0 {
		return length
	}
	return length + ": " + hex.EncodeToString(e.body)
}

func contentOf(list []labelled, label string) string {
	if i := slices.IndexFunc(list, func(e labelled) bool { return e.label == label }); i >= 0 {
		return list[i].content
	}
	return absent
}

// order is that of those extensions that the other has as well.
func order(list, other []labelled) string {
	var labels []string
	for _, e := range list {
		if contentOf(other, e.label) != absent {
			labels = append(labels, e.label)
		}
	}
	return strings.Join(labels, " ")
}

func suiteList(suites []uint16) string {
	var names []string
	for _, s := range suites {
		names = append(names, suiteName(s))
	}
	return strings.Join(names, " ")
}

// Comparison is the differences, with json tags for a program.
func Comparison(list []Difference) any {
	if list == nil {
		list = []Difference{}
	}
	return &struct {
		Alike       bool         `json:"alike"`
		Differences []Difference `json:"differences"`
	}{len(list) == 0, list}
}

// WriteComparison writes the differences for people.
func WriteComparison(w io.Writer, list []Difference) error {
	var b bytes.Buffer
	if len(list) == 0 {
		b.WriteString("alike, but for what is random\n")
	}
	for _, d := range list {
		fmt.Fprintf(&b, "%s:\n  A %s\n  B %s\n", d.What, d.A, d.B)
	}
	if slices.ContainsFunc(list, func(d Difference) bool { return d.What == whatOrder && shuffled(d.A) && shuffled(d.B) }) {
		b.WriteString("Chromium and its like have another order, and may have another length of\nencrypted_client_hello, each time: two ClientHellos of one browser differ in these, too.\n")
	}
	_, err := w.Write(b.Bytes())
	return err
}
