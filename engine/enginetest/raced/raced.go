// Package raced tells tests what the race detector costs.
package raced

import (
	"runtime/debug"
	"slices"
)

// Times is how many times as much time and memory this build takes as others:
// 1, and 10 with the race detector.
func Times() int {
	info, ok := debug.ReadBuildInfo()
	if ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		return 10
	}
	return 1
}
