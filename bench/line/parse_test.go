package line

import (
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Link{
		"20ms,10mbit":      {Delay: 20 * time.Millisecond, Rate: 1_250_000},
		"30ms,1%,iw=32":    {Delay: 30 * time.Millisecond, Loss: 1, Window: 32},
		"0.5%":             {Loss: 0.5},
		"64kbit,1s":        {Delay: time.Second, Rate: 8000},
		"0ms,2.5mbit,iw=1": {Rate: 312_500, Window: 1},
	} {
		got, err := Parse(text)
		if got != want || err != nil || got.NeedsKernel() != (want.Loss > 0 || want.Window > 0) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		if again, err := Parse(got.Form()); again != want || err != nil {
			t.Errorf("%s is written %s, and read as %+v, %v", text, got.Form(), again, err)
		}
	}
	for _, text := range []string{"", "fast", "20", "-1ms", "11s", "0mbit", "0.001kbit", "-1mbit", "100%", "-1%", "NaN%", "NaNmbit", "iw=0", "iw=x", "iw=1001", "1ms,,1%", "1e9mbit"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("20ms,10mbit,1%,iw=10")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := Parse(text)
		if err == nil && (l.Delay < 0 || l.Delay > maxDelay || l.Rate < 0 || !(l.Loss >= 0 && l.Loss < 100) || l.Window < 0 || l.Window > maxWindow) {
			t.Errorf("%q: %+v", text, l)
		}
		if again, failure := Parse(l.Form()); err == nil && (again != l || failure != nil) {
			t.Errorf("%q: %+v is written %s, and read as %+v, %v", text, l, l.Form(), again, failure)
		}
	})
}
