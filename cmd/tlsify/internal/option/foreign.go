package option

import (
	"slices"
	"strings"
)

// Answer says, to a person, what is to be used in place of an argument of form that
// is none of ours, the long names of our options. It is one line, and empty where
// there is nothing to say.
func Answer(form Form, argument string, ours []string) string {
	argument, _, _ = strings.Cut(argument, "=")
	all := answers
	if form == Accept || form == Listen {
		all = slices.Concat(serving, answers)
	}
	for _, a := range all {
		if slices.Contains(strings.Fields(a.options), argument) {
			return a.text
		}
	}
	name := strings.TrimLeft(argument, "-")
	if strings.HasPrefix(argument, "-") && !strings.HasPrefix(argument, "--") && slices.Contains(ours, name) {
		return "it takes two dashes: --" + name
	}
	if near := Nearest(strings.ToLower(name), ours); near != "" {
		return "did you mean --" + near + "?"
	}
	return misspelt(argument, all)
}

// misspelt is the answer to an option of another program that this is but for one
// letter. Short ones are too near to each other.
func misspelt(argument string, all []answer) string {
	const short, longest = 6, 32
	if len(argument) <= short || len(argument) > longest {
		return ""
	}
	for _, a := range all {
		for option := range strings.FieldsSeq(a.options) {
			if len(option) > short && option[:2] == argument[:2] && distance(argument, option) == 1 {
				return "like " + option + ": " + a.text
			}
		}
	}
	return ""
}

// Nearest is the name that takes the fewest changes to get to, at most one for
// every three letters, or empty.
func Nearest(name string, names []string) string {
	const longest = 32 // of ours there is none that is
	if len(name) > longest {
		return ""
	}
	best, least := "", len(name)/3+1
	for _, n := range names {
		if d := distance(name, n); d < least {
			best, least = n, d
		}
	}
	return best
}

// distance counts the letters to be put in, left out, replaced or swapped with
// their neighbour to make b of a.
func distance(a, b string) int {
	var before, last, row []int
	for j := range len(b) + 1 {
		last = append(last, j)
	}
	for i := range len(a) {
		row = []int{i + 1}
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			d := min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, before[j-1]+1)
			}
			row = append(row, d)
		}
		before, last = last, row
	}
	return last[len(b)]
}
