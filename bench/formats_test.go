package bench

import (
	"encoding/csv"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
)

func TestCSVHasEverySample(t *testing.T) {
	var out strings.Builder
	if err := sample().WriteCSV(&out); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1+24 {
		t.Fatalf("%d rows, for 24 samples and a head", len(rows))
	}
	if got := strings.Join(rows[2], "|"); got != "bulk|up|ours|TLS 1.3|cpu|s/GiB|2|1.01" {
		t.Error(got)
	}
}

// Every line is what golang.org/design/14313-benchmark-format calls a result,
// a configuration or a unit.
func TestBenchstatForm(t *testing.T) {
	var out strings.Builder
	if err := sample().WriteBenchstat(&out); err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`^(Benchmark[A-Z]\S* 1( [0-9.e+-]+ \S+)+|[a-z]+: .*|Unit \S+ better=(lower|higher))$`)
	results := 0
	for text := range strings.Lines(out.String()) {
		if text = strings.TrimSuffix(text, "\n"); !line.MatchString(text) {
			t.Errorf("%q", text)
		}
		if strings.HasPrefix(text, "Benchmark") {
			results++
		}
	}
	if results != 12 {
		t.Errorf("%d results, for six rounds of two contestants", results)
	}
}

// A drawing is well-formed XML, whatever names are in it, and has a bar for
// each contestant that was measured.
func TestChartIsXML(t *testing.T) {
	report := sample()
	result := &report.Results[0]
	result.Entrants[1].Contestant = `<b>"theirs" & co</b>`
	var out strings.Builder
	if err := result.WriteChart(&out, result.Metrics[0], "ours", 720); err != nil {
		t.Fatal(err)
	}
	bars := 0
	for decoder := xml.NewDecoder(strings.NewReader(out.String())); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, &out)
		}
		if element, ok := token.(xml.StartElement); ok && element.Name.Local == "path" && strings.HasPrefix(element.Attr[0].Value, "bar") {
			bars += strings.Count(element.Attr[1].Value, "M0 ")
		}
	}
	if bars != 2 {
		t.Errorf("%d bars for two contestants", bars)
	}
}
