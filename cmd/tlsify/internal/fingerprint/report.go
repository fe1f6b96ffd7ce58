package fingerprint

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// report is the form of the JSON.
type report struct {
	Client string `json:"client,omitempty"`
	Server string `json:"server,omitempty"`

	JA3     string `json:"ja3"`
	JA3Hash string `json:"ja3_hash"`
	JA4     string `json:"ja4"`
	JA4R    string `json:"ja4_r"`
	JA4RO   string `json:"ja4_ro"`

	Length      int               `json:"length"`
	Version     string            `json:"legacy_version"`
	Random      string            `json:"random"`
	SessionID   string            `json:"session_id"`
	Suites      []reportCode      `json:"cipher_suites"`
	Compression []int             `json:"compression_methods"`
	Extensions  []reportExtension `json:"extensions"`
}

type reportCode struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type reportExtension struct {
	reportCode
	Length int      `json:"length"`
	Values []string `json:"values,omitempty"`
}

func (h *Hello) report() *report {
	r := &report{
		Client: h.from, Server: h.to,
		JA3: h.JA3(), JA3Hash: h.JA3Hash(), JA4: h.JA4(), JA4R: h.JA4R(), JA4RO: h.JA4RO(),
		Length: h.Length, Version: nameOf(h.Version, versionNames[:]),
		Random: hex.EncodeToString(h.Random), SessionID: hex.EncodeToString(h.SessionID),
		Suites: []reportCode{}, Extensions: []reportExtension{},
	}
	for _, s := range h.Suites {
		r.Suites = append(r.Suites, reportCode{fmt.Sprintf("0x%04x", s), suiteName(s)})
	}
	for _, c := range h.Compression {
		r.Compression = append(r.Compression, int(c))
	}
	for _, e := range h.Extensions {
		r.Extensions = append(r.Extensions, reportExtension{
			reportCode{fmt.Sprintf("0x%04x", e.ID), extensionName(e.ID)}, e.Length, e.Values,
		})
	}
	return r
}

// Report is everything, with json tags for a program.
func (h *Hello) Report() any { return h.report() }

// WriteText writes everything for people, a fact a line.
func (h *Hello) WriteText(w io.Writer) error {
	r := h.report()
	var b strings.Builder
	if r.Client != "" {
		fmt.Fprintf(&b, "client: %s\nserver: %s\n", r.Client, r.Server)
	}
	for _, f := range [][2]string{
		{"JA3", r.JA3Hash}, {"JA3 string", r.JA3}, {"JA4", r.JA4}, {"JA4_r", r.JA4R}, {"JA4_ro", r.JA4RO},
		{"length", fmt.Sprint(r.Length)}, {"legacy_version", r.Version}, {"random", r.Random}, {"session_id", r.SessionID},
	} {
		fmt.Fprintf(&b, "%s: %s\n", f[0], f[1])
	}
	fmt.Fprintf(&b, "compression_methods: %s\n", strings.Trim(fmt.Sprint(r.Compression), "[]"))
	columns := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintf(columns, "cipher_suites: %d\n", len(r.Suites))
	for _, s := range r.Suites {
		fmt.Fprintf(columns, "  %s\t%s\n", s.ID, s.Name)
	}
	columns.Flush()
	fmt.Fprintf(columns, "extensions: %d\n", len(r.Extensions))
	for _, e := range r.Extensions {
		fmt.Fprintf(columns, "  %s\t%s\t%d\t%s\n", e.ID, e.Name, e.Length, strings.Join(e.Values, ", "))
	}
	columns.Flush()
	for line := range strings.Lines(b.String()) {
		if _, err := io.WriteString(w, strings.TrimRight(line, " \n")+"\n"); err != nil {
			return err
		}
	}
	return nil
}
