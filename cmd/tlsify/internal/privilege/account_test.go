package privilege

import (
	"os/user"
	"testing"
)

// An account is a name or a number, and as what is written of it for another process.
func TestParseAccount(t *testing.T) {
	cases := map[string]string{"-": "-", "54321:54322": "54321:54322",
		"": "no", "root": "no", "0": "no", "0:0": "no", "0:54322": "no", "54321:0": "no", "54321": "no", "54321:": "no",
		"-1:54322": "no", "54321:-1": "no", "no-such-user": "no", "no-such-user:54322": "no", "54321:no-such-group": "no"}
	if known, err := user.Lookup("nobody"); err == nil {
		own := known.Uid + ":" + known.Gid
		cases["nobody"], cases[known.Uid], cases["nobody:54322"] = own, own, known.Uid+":54322"
		if group, err := user.LookupGroupId(known.Gid); err == nil {
			cases["nobody:"+group.Name], cases["54321:"+group.Name] = own, "54321:"+known.Gid
		}
	}
	for value, want := range cases {
		account, err := ParseAccount(value)
		if err != nil {
			if want != "no" {
				t.Errorf("%q: %v", value, err)
			}
			continue
		}
		if account.String() != want {
			t.Errorf("%q is %v, want %s", value, account, want)
		}
		again, err := ParseNumbered(account.String())
		if err != nil || again.String() != want {
			t.Errorf("%q: read again %v, %v", value, again, err)
		}
	}
	for _, value := range []string{"", "x:1", "1:x", "1"} {
		if account, err := ParseNumbered(value); err == nil {
			t.Errorf("%q is %v", value, account)
		}
	}
}
