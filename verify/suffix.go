package verify

import (
	_ "embed" // suffixes.txt
	"strings"
)

// suffixes is a few lines on where they are from, an empty one, and the suffixes
// under which registries register, sorted, as the Public Suffix List has them:
// "*.ck" is all that is in ck, and "!www.ck" is none of that. The list's private
// section is left out: a company that lets others live under its domain still holds
// the domain, and *.s3.amazonaws.com is a certificate that exists.
//
//go:embed suffixes.txt
var suffixes string

// isPublicSuffix tells whether registries register under domain.
func isPublicSuffix(domain string) bool {
	_, rules, _ := strings.Cut(suffixes, "\n\n")
	_, parent, _ := strings.Cut(domain, ".")
	return has(rules, domain) || has(rules, "*."+parent) && !has(rules, "!"+domain)
}

// has looks for a line among sorted ones, each of which ends with a newline.
func has(lines, line string) bool {
	for lines != "" {
		start := strings.LastIndexByte(lines[:len(lines)/2], '\n') + 1
		middle, after, _ := strings.Cut(lines[start:], "\n")
		switch strings.Compare(middle, line) {
		case 0:
			return true
		case -1:
			lines = after
		default:
			lines = lines[:start]
		}
	}
	return false
}
