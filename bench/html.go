package bench

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"regexp"
	"strings"
)

//go:embed report.html
var page string

// WriteHTML writes the report as one page that needs nothing else.
func (r *Report) WriteHTML(out io.Writer, ours string) error {
	t, err := template.New("report").Parse(page)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := t.Execute(&page, r.view(ours)); err != nil {
		return err
	}
	text := page.Bytes()
	for range 2 { // a match takes the space of the next
		text = quoted.ReplaceAll(text, []byte("$1$2$3"))
	}
	_, err = out.Write(text)
	return err
}

// quoted is an attribute that HTML reads without its quotes as well.
var quoted = regexp.MustCompile(`( [a-z][a-z0-9-]*=)"([\w.%#-]+)"([ >])`)

// pageView is what the page's template is filled with.
type pageView struct {
	Report *Report
	Usual  map[string]string // what each contestant negotiates with the usual server
	Ours   string
	Style  template.CSS
	Quiet  bool
	Flags  string
	Goals  []goalView
	Parts  []partView
}

// partView is the results of one workload.
type partView struct {
	Title, Anchor, Text string
	Results             []resultView
}

// parts says what the workloads are, in the order in which they are shown.
var parts = []struct{ workload, title, text string }{
	{"startup", "Start", "From fork to the first byte that the server sends through the helper: process start, reading the roots, connection, handshake, verification."},
	{"bulk", "Transfers", "The helper's CPU time for each GiB. The pass-through does no TLS: what it costs is the price of being a process in between, and is subtracted nowhere."},
	{"echo", "Round trips", "The next begins when the last has come back whole: what a helper adds to each."},
	{"rate", "Connections per second", "Each connection is a helper of its own, as for a program that starts one whenever it needs TLS."},
	{"crowd", "Memory", "Many helpers with an idle connection each; pages that several share are counted once. Private is what is written and nobody else's."},
	{"handshake", "Handshakes by group and certificate", "All with the same server, engine pq of tlsify, which has every group and certificate. Its own work is part of the time."},
	{handshakesWorkload, "Handshakes alone", "Client and server are the engine pq, each in one process, one handshake after the other: from the client's SYN to its Finished. Packets are TCP's segments with data."},
	{"foreign", "Against a server of somebody else's", "What any server shows: the start to the first byte of its answer, the whole answer, and round trips where it echoes. Its own work, and the way to it, are part of the time."},
	{"listen", "Servers under load", "Clients that connect, shake hands, have one line echoed and leave, so many at a time. Client, server and the programs behind it share the processors."},
	{"growth", "Growth", "What a cost becomes as something grows. The power is that of the size which fits each round's costs best, beside a fixed part: 1 is a cost in proportion. With the interval that holds its median."},
	{"link", "The same over a slow link", "Where the kernel has netem, that makes the line; elsewhere a relay between two TCP connections delays the data and limits the bandwidth. A relay cannot model what TCP itself does on such a line: its handshake, slow start, and loss."},
}

type goalView struct {
	Text, Verdict string
	Class         string
}

type resultView struct {
	Title, Anchor string
	Metric        Metric
	Base          string
	Unit          string        // of the distribution
	Chart, ECDF   template.HTML // of the inline functions of svg.go, which escape
	Rows          []rowView
	Others        []Metric
	Curves        []curveView // in place of Chart and Rows
	Beside        [][]string
	Negotiated    []string
	Remarks       []string
	Complete      bool
	Runs          string
}

type rowView struct {
	Name, Median, Interval, Ratio string
	Others                        []string
}

type curveView struct {
	Metric Metric
	Chart  template.HTML
	Sizes  []string
	Rows   []growthRow
}

func (r *Report) view(ours string) pageView {
	v := pageView{
		Report: r, Ours: ours, Style: template.CSS(chartStyle),
		Quiet: r.Machine.Load <= quietLoad, Flags: strings.Join(r.Machine.Flags, " "),
	}
	v.Usual = r.usual()
	for _, verdict := range r.Judge() {
		class := "missed"
		switch {
		case !verdict.Known:
			class = "unknown"
		case verdict.Met:
			class = "met"
		}
		v.Goals = append(v.Goals, goalView{verdict.Text, verdict.String(), class})
	}
	for _, part := range parts {
		p := partView{Title: part.title, Text: part.text, Anchor: part.workload}
		for i := range r.Results {
			if r.Results[i].Workload == part.workload {
				p.Results = append(p.Results, r.Results[i].view(ours, v.Usual))
			}
		}
		if len(p.Results) > 0 {
			v.Parts = append(v.Parts, p)
		}
	}
	return v
}

// Anchor is a result's place in the page: the same in every report that has it.
func (r *Result) Anchor() string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' {
			return c
		}
		return '-'
	}, r.Key())
}

// usual gives what each contestant has negotiated where it was measured first.
func (r *Report) usual() map[string]string {
	usual := map[string]string{}
	for _, result := range r.Results {
		for _, t := range result.Entrants {
			if usual[t.Contestant] == "" {
				usual[t.Contestant] = t.Negotiated
			}
		}
	}
	return usual
}

func (r *Result) view(ours string, usual map[string]string) resultView {
	v := resultView{
		Title: r.Title, Anchor: r.Anchor(), Metric: r.Metrics[0], Complete: r.Complete, Base: r.base(ours),
		Negotiated: r.negotiated(usual), Remarks: append(r.failures(), r.unreached()...),
	}
	for _, name := range r.curves() {
		sizes, rows := r.growthTable(name)
		p := r.growthPlot(name)
		v.Curves = append(v.Curves, curveView{r.points(name)[0], template.HTML(r.inline(p.height(), p.draw())), sizes, rows})
	}
	if v.Curves != nil {
		v.Others, v.Beside = r.beside(), r.besideRows()
		return v
	}
	v.Runs = r.runs()
	v.Others, v.Rows = r.shown()[1:], r.rows(v.Base)
	v.Chart = template.HTML(r.inlineChart(r.Metrics[0], ours))
	if r.HasDistribution() {
		v.Unit = r.distributionUnit()
		p := r.ecdf(r.nearest(v.Base, ecdfMost))
		v.ECDF = template.HTML(r.inline(p.height(), p.draw()))
	}
	return v
}

// runs says how many there were of each.
func (r *Result) runs() string {
	fewest, most := math.MaxInt, 0
	for _, t := range r.Entrants {
		if n := len(t.Samples[r.Metrics[0].Name]); n > 0 {
			fewest, most = min(fewest, n), max(most, n)
		}
	}
	if fewest >= most {
		return fmt.Sprintf("%d runs", most)
	}
	return fmt.Sprintf("%d to %d runs", fewest, most)
}

// rows are the figures of everyone who was measured.
func (r *Result) rows(ours string) (rows []rowView) {
	base := r.Entrant(ours)
	for i := range r.Entrants {
		t := &r.Entrants[i]
		samples := t.Samples[r.Metrics[0].Name]
		if len(samples) == 0 {
			continue
		}
		s := Summarize(samples)
		row := rowView{
			Name: t.Contestant, Median: number(s.Median),
			Interval: number(s.Low) + " .. " + number(s.High),
		}
		if base != nil && base != t && len(base.Samples[r.Metrics[0].Name]) > 0 {
			row.Ratio = fmt.Sprintf("%.2f", Ratio(base.Samples[r.Metrics[0].Name], samples).Median)
		}
		for _, metric := range r.shown()[1:] {
			row.Others = append(row.Others, number(Summarize(t.Samples[metric.Name]).Median))
		}
		rows = append(rows, row)
	}
	return rows
}
