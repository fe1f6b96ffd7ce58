package caller

import (
	"os"
	"strings"
	"testing"

	"tlsify/cmd/tlsify/internal/personality"
	"tlsify/cmd/tlsify/internal/privilege"
)

// Who is told by root to become another, and cannot tell whom, does not stay root: it is
// an error. A user or a group that was not given stays as it is.
func TestWhomToBecome(t *testing.T) {
	root := os.Geteuid() == 0
	ours := privilege.Numbered(os.Getuid(), os.Getgid()).String()
	for name, test := range map[string]struct {
		ids   *personality.IDs
		want  string // of root
		fails bool
	}{
		"nobody":         {nil, "-", false},
		"both":           {&personality.IDs{UID: 65533, GID: 65532}, "65533:65532", false},
		"neither":        {&personality.IDs{UID: -1, GID: -1}, ours, false},
		"no user":        {&personality.IDs{UID: -1, GID: 65532}, privilege.Numbered(os.Getuid(), 65532).String(), false},
		"no group":       {&personality.IDs{UID: 65533, GID: -1}, privilege.Numbered(65533, os.Getgid()).String(), false},
		"root":           {&personality.IDs{}, "0:0", false},
		"what is no one": {&personality.IDs{UID: -1, GID: -1, Invalid: "TLS_UID is no number"}, "-", true},
	} {
		want, fails := test.want, test.fails && root
		if !root {
			want = "-" // nobody else can become anyone
		}
		if account, err := (Caller{user: test.ids}).Signs(); account.String() != want || (err != nil) != fails {
			t.Errorf("%s: signed for by %v, %v", name, account, err)
		}
		if test.fails {
			if err := becomeUser(test.ids); (err != nil) != fails {
				t.Errorf("%s: error %v", name, err)
			}
			if err := (Caller{user: test.ids}).Settle(); (err != nil) != fails {
				t.Errorf("%s: it settles: %v", name, err)
			}
		}
	}
	other := privilege.Numbered(65533, 65532)
	if account, err := (Caller{account: other}).Signs(); err != nil || (account == other) != root {
		t.Errorf("couriertls -user: %v, %v", account, err)
	}
}

// A descriptor on which the caller waits to be told, and that is not there, is an error
// at the start.
func TestNobodyToTell(t *testing.T) {
	t.Setenv("CAFILE", "/roots.pem")
	t.Setenv("CADIR", "")
	const closed = "250"
	who, _, err := Arguments("s6-tlsc-io", []string{"-d", closed, "-k", "host.example", "0", "1"})
	if err == nil || !strings.Contains(err.Error(), "descriptor "+closed+" is not open for writing") {
		t.Errorf("%+v, error %v", who, err)
	}
}

// couriertls -user with a user that there is not does not go on as who it is.
func TestNoSuchUser(t *testing.T) {
	_, args, err := Arguments("couriertls", []string{"-host=localhost", "-port=1", "-user=no-such-user"})
	if err == nil || !strings.Contains(err.Error(), "no-such-user") {
		t.Errorf("%q, error %v", args, err)
	}
}
