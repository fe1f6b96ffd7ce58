//go:build nostd && !utls && !pq

package main

// A build that has no engine must not compile.
var _ = this_build_has_no_engine__add_the_tag_utls_or_pq_or_leave_out_nostd
