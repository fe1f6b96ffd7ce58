package status

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
)

type inner struct {
	ID string `json:"id"`
}

type outer struct {
	inner
	Text    string   `json:"text"`
	Left    string   `json:"left,omitempty"`
	Number  int      `json:"number"`
	Yes     bool     `json:"yes"`
	List    []string `json:"list"`
	Nothing []string `json:"nothing"`
	Empty   []inner  `json:"empty,omitempty"`
	None    *inner   `json:"none"`
	One     *inner   `json:"one"`
	Nested  struct {
		All []inner `json:"all"`
	} `json:"nested"`
	hidden int
}

// What is written is, byte by byte, what encoding/json makes of it.
func TestWriteJSON(t *testing.T) {
	v := outer{inner: inner{"a"}, Text: "quote \" back\\slash <&> \x00\x1b\xff \u00fc", Number: -3, Yes: true, List: []string{"", "x"},
		Empty: []inner{}, One: &inner{"b"}, hidden: 1}
	v.Nested.All = []inner{{"c"}, {"d"}}
	for _, indent := range []string{"", "  "} {
		for _, v := range []any{v, &v, outer{}} {
			var want, got bytes.Buffer
			theirs := json.NewEncoder(&want)
			theirs.SetEscapeHTML(false)
			theirs.SetIndent("", indent)
			if err := theirs.Encode(v); err != nil {
				t.Fatal(err)
			}
			if err := WriteJSON(&got, v, indent); err != nil || got.String() != want.String() {
				t.Errorf("%v: it is %s, want %s", err, got.String(), want.String())
			}
		}
	}
	if err := WriteJSON(&bytes.Buffer{}, map[string]int{}, ""); err == nil {
		t.Error("a map is written")
	}
	if err := WriteJSON(full{}, v, ""); !errors.Is(err, errFull) {
		t.Errorf("the writer's error is %v", err)
	}
}

// What a peer says in JSON cannot move a terminal's cursor, nor turn a line around: DEL,
// the control characters of ISO 6429 and those of direction were written as they are.
func TestJSONIsPrintable(t *testing.T) {
	const text = "\u00fc \x7f \u009b31m \u202e \u2028 \U000e0041 \u20ac"
	var got bytes.Buffer
	if err := WriteJSON(&got, inner{text}, ""); err != nil {
		t.Fatal(err)
	}
	if want := `{"id":"ü \u007f \u009b31m \u202e \u2028 \udb40\udc41 €"}` + "\n"; got.String() != want {
		t.Errorf("it is %q, want %q", got.String(), want)
	}
	var back inner
	if err := json.Unmarshal(got.Bytes(), &back); err != nil || back.ID != text {
		t.Errorf("it is read as %q, %v", back.ID, err)
	}
}

var errFull = errors.New("full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
