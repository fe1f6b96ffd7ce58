package main

import "time"

// options are those of the command line.
type options struct {
	tools string // where node20, node24 and venv are, if anywhere
	into  string // the document
	tries int
	only  string
	auto  bool
	limit time.Duration
}
