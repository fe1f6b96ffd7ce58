package status

import "testing"

// What can be read is as it was, percent signs too; what cannot is shown.
func TestPrintable(t *testing.T) {
	for s, want := range map[string]string{
		"a password's / is written %2F": "a password's / is written %2F",
		"\u00fc \u20ac":                 "\u00fc \u20ac",
		"two\nlines\r\x00\x1b[31m":      "two\\x0Alines\\x0D\\x00\\x1B[31m",
		"\xff\u202e\u2028":              "\\xFF\\xE2\\x80\\xAE\\xE2\\x80\\xA8",
		"":                              "",
	} {
		if got := printable(s); got != want {
			t.Errorf("%q is written %q, want %q", s, got, want)
		}
	}
}
