package line

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The limits of a line that is asked for.
const (
	maxDelay  = 10 * time.Second
	maxRate   = 100_000 // Mbit/s
	maxWindow = 1000    // segments
)

// Parse reads a line as people write it: words with commas between them, a time
// for the delay each way, a rate in mbit or kbit, a loss in per cent, and iw=N
// for TCP's initial window in segments, as in 30ms,10mbit,1%,iw=10. Loss and
// initial windows are the kernel's alone to make.
func Parse(text string) (l Link, err error) {
	for word := range strings.SplitSeq(text, ",") {
		unknown := fmt.Errorf("%q is no part of a line, which has the form 20ms,10mbit,1%%,iw=10", word)
		if loss, ok := strings.CutSuffix(word, "%"); ok {
			if l.Loss, err = strconv.ParseFloat(loss, 64); err != nil || !(l.Loss >= 0 && l.Loss < 100) {
				return l, unknown
			}
		} else if window, ok := strings.CutPrefix(word, "iw="); ok {
			if l.Window, err = strconv.Atoi(window); err != nil || l.Window < 1 || l.Window > maxWindow {
				return l, unknown
			}
		} else if number, unit, ok := rateOf(word); ok {
			rate, err := strconv.ParseFloat(number, 64)
			if err != nil || !(rate*unit > 0 && rate*unit <= maxRate) {
				return l, unknown
			}
			if l.Rate = int64(math.Round(rate * unit * 1e6 / 8)); l.Rate == 0 { // which would be no limit
				return l, unknown
			}
		} else if l.Delay, err = time.ParseDuration(word); err != nil || l.Delay < 0 || l.Delay > maxDelay {
			return l, unknown
		}
	}
	return l, nil
}

// rateOf parts a rate from its unit, in Mbit/s.
func rateOf(word string) (number string, unit float64, ok bool) {
	if number, ok = strings.CutSuffix(word, "mbit"); ok {
		return number, 1, true
	}
	number, ok = strings.CutSuffix(word, "kbit")
	return number, 1e-3, ok
}

// NeedsKernel tells whether a relay cannot make the line.
func (l Link) NeedsKernel() bool { return l.Loss > 0 || l.Window > 0 }
