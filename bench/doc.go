// Package bench measures what a TLS helper costs: tlsify beside the programs
// that people use for the same job, all in one interleaved run.
//
// A [Contestant] is a helper that is started as a child and given a socketpair
// on its descriptors 0 and 1. A [Rig] has what they all talk to: a throw-away
// certification authority and servers, each in a process of its own so that
// its CPU is never counted as the helper's. A workload (workload_*.go) drives
// one contestant through one trial. [Experiment.Run] (method.go) interleaves
// the trials of several contestants and repeats them; what comes out is a
// [Report] (report.go), which the other files print, store, draw and compare.
//
// The package must not know tlsify's engines or its pump: it sees nothing but
// command lines. Start reading at [Plan], then method.go and workload_bulk.go.
package bench
