// Package fingerprint reads a ClientHello and says by what it is known: JA3,
// JA4 and JA4's two raw forms, beside a list for people.
//
// [Capture] finds the message in a file, whatever kind of file that is
// (capture.go, pcap.go, packet.go, flow.go), and [ReadHello] in a stream.
// [Parse] takes it apart (hello.go, extension.go), [Hello.WriteText] and
// [Hello.Report] say what there is (report.go, ja3.go, ja4.go), and [Compare] says how
// two differ (compare.go).
//
// JA4 is the one of its family whose definition is open (BSD 3-clause). Those of
// servers and certificates, JA4S and JA4X, have a licence that forbids commercial
// use, and are not here.
//
// All that it reads may have been made by an enemy: every length is checked,
// every size has a limit, and an error says what is wrong. It knows nothing of
// engines: what a ClientHello is good for is theirs to say.
package fingerprint
