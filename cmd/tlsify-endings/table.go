package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The table stands between these in the document.
const (
	tableBegins = "<!-- endings: made by `make endings` -->\n"
	tableEnds   = "<!-- /endings -->\n"
)

// around is what a document has before and behind the table.
func around(path string) (before, after []byte, err error) {
	doc, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	before, rest, begins := bytes.Cut(doc, []byte(tableBegins))
	_, after, ends := bytes.Cut(rest, []byte(tableEnds))
	if !begins || !ends {
		return nil, nil, errors.New(path + " has no place for the table")
	}
	return before, after, nil
}

// putInto puts the table into a document.
func putInto(path, text string) error {
	before, after, err := around(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, slices.Concat(before, []byte(tableBegins), []byte(text), []byte(tableEnds), after), 0o644)
}

// table is all rows as Markdown.
func table(rows []row, absent []string, o options) string {
	var b strings.Builder
	names := map[string]bool{}
	for _, r := range rows {
		names[r.server.name] = true
	}
	fmt.Fprintf(&b, "\n%s, %d servers, %d requests a cell.\n\n", time.Now().Format(time.DateOnly), len(names), o.tries)
	b.WriteString("| server | TLS | reply |")
	for _, c := range clients {
		b.WriteString(" " + c.name + " |")
	}
	b.WriteString("\n|---|---|---|" + strings.Repeat("---|", len(clients)) + "\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s |", strings.TrimSpace(r.server.name+" "+r.version), r.tls, r.page)
		if r.failure != "" {
			b.WriteString(" it could not be started |\n")
			continue
		}
		for _, c := range clients {
			b.WriteString(" " + cell(r.cells[c.name]) + " |")
		}
		b.WriteString("\n")
	}
	if len(absent) > 0 {
		fmt.Fprintf(&b, "\nNot installed: %s.\n", strings.Join(absent, ", "))
	}
	b.WriteString("\n")
	return b.String()
}

// cell is what came of the requests of one cell: each outcome and its status,
// how often where there are several, and the median of the time.
func cell(results []result) string {
	if len(results) == 0 {
		return "-"
	}
	var kinds []string
	counts := map[string]int{}
	var times []time.Duration
	for _, r := range results {
		kind := r.reply + " " + strconv.Itoa(r.status)
		if r.waited {
			kind = r.reply + ", waits"
		}
		if counts[kind]++; counts[kind] == 1 {
			kinds = append(kinds, kind)
		}
		times = append(times, r.took)
	}
	slices.Sort(times)
	if len(kinds) > 1 {
		slices.SortFunc(kinds, func(a, b string) int { return counts[b] - counts[a] })
		for i, kind := range kinds {
			kinds[i] = strconv.Itoa(counts[kind]) + " x " + kind
		}
	}
	median := times[len(times)/2]
	took := fmt.Sprintf("%d ms", median.Milliseconds())
	if median >= 10*time.Second {
		took = fmt.Sprintf("%.0f s", median.Seconds())
	}
	return strings.Join(kinds, ", ") + "; " + took
}

// bad lists the cells of the default that are not as they should be, with what the first
// such request said.
func (r row) bad() (bad []string) {
	name := strings.TrimSpace(r.server.name + " " + r.version + ", TLS " + r.tls + ", " + r.page)
	if r.failure != "" {
		return []string{name + ": " + r.failure}
	}
	for _, c := range []string{"auto", "BusyBox wget"} {
		n := slices.IndexFunc(r.cells[c], func(one result) bool {
			return one.reply != "whole" || one.waited || one.status != 0 && (one.status != 6 || !r.server.silent)
		})
		if n >= 0 {
			bad = append(bad, fmt.Sprintf("%s, %s: %s; request %d: %s", name, c, cell(r.cells[c]), n+1, r.cells[c][n].said))
		}
	}
	return bad
}

func (r row) line() string {
	line := r.server.name + " " + r.version + ", TLS " + r.tls + ", " + r.page + ":"
	for _, c := range clients {
		if len(r.cells[c.name]) > 0 {
			line += " " + c.name + " " + cell(r.cells[c.name]) + ";"
		}
	}
	return strings.TrimSuffix(line, ";")
}
