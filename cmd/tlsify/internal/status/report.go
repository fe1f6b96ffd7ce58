package status

import (
	"encoding/base64"
	"strings"
)

// Reporter is whom there is to tell.
type Reporter struct {
	Control *Channel // nil: there is none
	Verbose bool
	// Heard tells that our listener hears the channel, and tells people.
	Heard bool
	// Muted tells that descriptor 2 was the network, or is the caller's only socket.
	// People are told by the system's log then, for as long as that can be reached.
	Muted bool
	// Failed, where not nil, is told what people are: a program that waits for
	// us under another name.
	Failed func(*Failure)
}

// Failure says why an invocation failed.
func (r *Reporter) Failure(f *Failure) {
	if f.Retry != nil {
		r.Control.Say("ech-retry", base64.StdEncoding.EncodeToString(f.Retry))
	}
	if f.Code != "" {
		r.Control.SayText("error", f.Code, f.Text)
		for _, reason := range f.More {
			r.Control.SayText("error", reason.Code, reason.Text)
		}
	}
	if r.Failed != nil {
		r.Failed(f)
	}
	if r.Control.Uses(2) || r.Heard || f.Code == "" && !r.Verbose {
		return // a signal has ended us: that is no failure
	}
	line := "tlsify: " + f.Text
	if f.Code != "" {
		line += " (" + f.Code + ")"
	}
	if len(f.More) > 0 && !r.Verbose {
		line += ", and more: see -v"
	}
	if r.Muted {
		writeLog(strings.TrimPrefix(line, "tlsify: "))
		return
	}
	Write(line)
	if r.Verbose {
		for _, reason := range f.More {
			Write("tlsify: and " + reason.Text + " (" + reason.Code + ")")
		}
	}
}

// Note tells a person who asked for more.
func (r *Reporter) Note(text string) {
	if r.Verbose && !r.Muted && !r.Control.Uses(2) {
		Write("tlsify: " + text)
	}
}
