package privilege

import (
	"strings"

	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/status"
)

// Mode is what --sandbox says.
type Mode int

// The modes.
const (
	Auto    Mode = iota // as far as the kernel can
	Require             // or fail
	Off
)

// Possible tells, as an error, what Require asks for and there is not.
func Possible() error { return Require.Refuses(Missing(), nil) }

// Harden keeps other processes of the same user's away from this one. It comes
// before any secret is read.
func (m Mode) Harden(note func(string)) error {
	if m == Off {
		return nil
	}
	return m.Refuses(process.Harden(), note)
}

// TellMissing says what processes will lack that are confined later, and can tell nobody.
func (m Mode) TellMissing(note func(string)) error {
	if m == Off {
		return nil
	}
	return m.Refuses(Missing(), note)
}

// Confine confines this process for good to the descriptors that it has and, where
// replace is not empty, to the files of that directory.
func (m Mode) Confine(replace string, note func(string)) error {
	if m == Off {
		return nil
	}
	_, err := Prepare(Needs{Replace: replace}).Enter()
	return m.Refuses(err, note)
}

// OneLine is the text of errors that were joined.
func OneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// Refuses decides what a measure means that can't be taken: it is an error, or
// noted.
func (m Mode) Refuses(err error, note func(string)) error {
	switch {
	case err == nil:
	case m == Require:
		return &status.Failure{Status: status.Usage, Code: "sandbox-unavailable", Text: "--sandbox require: " + OneLine(err)}
	default:
		note("not all of the sandbox: " + OneLine(err))
	}
	return nil
}
