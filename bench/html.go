package bench

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
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
	return t.Execute(out, r.view(ours))
}

// pageView is what the page's template is filled with.
type pageView struct {
	Report  *Report
	Ours    string
	Style   template.CSS
	Quiet   bool
	Flags   string
	Goals   []goalView
	Results []resultView
}

type goalView struct {
	Text, Verdict string
	Class         string
}

type resultView struct {
	Title, Anchor string
	Metric        Metric
	Chart         template.HTML // of inlineChart, which escapes
	Rows          []rowView
	Others        []Metric
	Negotiated    []string
	Remarks       []string
	Complete      bool
}

type rowView struct {
	Name, Median, Interval, Runs, Ratio string
	Others                              []string
}

func (r *Report) view(ours string) pageView {
	v := pageView{
		Report: r, Ours: ours, Style: template.CSS(chartStyle),
		Quiet: r.Machine.Load <= quietLoad, Flags: strings.Join(r.Machine.Flags, " "),
	}
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
	for i := range r.Results {
		v.Results = append(v.Results, r.Results[i].view(ours, i))
	}
	return v
}

func (r *Result) view(ours string, index int) resultView {
	v := resultView{
		Title: r.Title, Anchor: fmt.Sprintf("r%d", index), Metric: r.Metrics[0], Others: r.shown()[1:],
		Chart: template.HTML(r.inlineChart(r.Metrics[0], ours)), Complete: r.Complete,
	}
	base := r.Entrant(ours)
	for i := range r.Entrants {
		t := &r.Entrants[i]
		if t.Failure != "" {
			v.Remarks = append(v.Remarks, t.Contestant+" failed: "+t.Failure)
		}
		samples := t.Samples[r.Metrics[0].Name]
		if len(samples) == 0 {
			continue
		}
		s := Summarize(samples)
		row := rowView{
			Name: t.Contestant, Median: number(s.Median), Runs: fmt.Sprint(s.N),
			Interval: number(s.Low) + " .. " + number(s.High),
		}
		if base != nil && base != t && len(base.Samples[r.Metrics[0].Name]) > 0 {
			row.Ratio = fmt.Sprintf("%.2f", Ratio(base.Samples[r.Metrics[0].Name], samples).Median)
		}
		for _, metric := range r.shown()[1:] {
			row.Others = append(row.Others, number(Summarize(t.Samples[metric.Name]).Median))
		}
		v.Rows = append(v.Rows, row)
	}
	var lines strings.Builder
	r.writeNegotiated(&lines)
	for line := range strings.Lines(lines.String()) {
		v.Negotiated = append(v.Negotiated, strings.TrimSpace(line))
	}
	return v
}
