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
// Of the contestants the package sees nothing but command lines; what they have
// to choose from is asked of them (contestants_own.go, where an axis is a line).
// Of tlsify's own packages only the servers use some: throw-away certificates,
// and the engine pq where crypto/tls lacks a group or certificate. Start reading
// at [Plan], then plan_full.go, method.go and workload_bulk.go.
package bench
