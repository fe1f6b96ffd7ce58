package main

// Exit statuses.
const (
	statusOK     = 0
	statusWorse  = 1 // compare: a contestant is slower; quick, run: a goal was missed
	statusFailed = 2
)
