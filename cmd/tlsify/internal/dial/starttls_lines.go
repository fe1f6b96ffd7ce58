package dial

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// smtp is RFC 3207. Whether the server has STARTTLS among its extensions is
// not looked at: to ask is as good, and it says no in words of its own.
func smtp(c *conversation, name string) error { return mail(c, "EHLO "+name) }

// lmtp is RFC 2033, section 4.1.
func lmtp(c *conversation, name string) error { return mail(c, "LHLO "+name) }

func mail(c *conversation, hello string) error {
	if err := c.greeting("220", smtpReply); err != nil {
		return err
	}
	// Servers compare the name with the client's address, and some refuse to go on
	// where they do not agree.
	if err := c.demand(hello[:len("EHLO")], hello+"\r\n", "250", smtpReply); err != nil {
		return err
	}
	return c.demand("STARTTLS", "STARTTLS\r\n", "220", smtpReply)
}

// ftp is RFC 4217.
func ftp(c *conversation, _ string) error {
	if err := c.greeting("220", ftpReply); err != nil {
		return err
	}
	return c.demand("AUTH TLS", "AUTH TLS\r\n", "234", ftpReply)
}

// nntp is RFC 4642.
func nntp(c *conversation, _ string) error {
	greeting, err := c.line()
	if err != nil {
		return err
	}
	if code := codeOf(greeting); code != "200" && code != "201" {
		return unexpected(greeting)
	}
	return c.demand("STARTTLS", "STARTTLS\r\n", "382", (*conversation).line)
}

// greeting reads the first reply, which must have this code.
func (c *conversation) greeting(code string, reply func(*conversation) (string, error)) error {
	text, err := reply(c)
	if err == nil && codeOf(text) != code {
		return unexpected(text)
	}
	return err
}

// demand sends a question and reads the reply, which must have this code.
func (c *conversation) demand(name, question, code string, reply func(*conversation) (string, error)) error {
	if err := c.send(question); err != nil {
		return err
	}
	text, err := reply(c)
	if err == nil && codeOf(text) != code {
		return refused(name, text)
	}
	return err
}

// codeOf is the code that a reply's line begins with, or empty.
func codeOf(line string) string {
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return ""
	}
	for _, digit := range []byte(line[:3]) {
		if digit < '0' || digit > '9' {
			return ""
		}
	}
	return line[:3]
}

// smtpReply reads a reply of one or several lines, each with the code (RFC
// 5321, section 4.2.1), and returns the first.
func smtpReply(c *conversation) (string, error) {
	return c.reply(func(code, line string) error {
		if codeOf(line) != code {
			return fmt.Errorf("in a reply that begins with %s there is %s", code, words(line))
		}
		return nil
	})
}

// ftpReply reads a reply between whose first line and last there may be
// anything (RFC 959, section 4.2).
func ftpReply(c *conversation) (string, error) {
	return c.reply(func(string, string) error { return nil })
}

// reply reads a reply and returns its first line. Those behind that are
// checked; what is no reply at all is returned as it is.
func (c *conversation) reply(check func(code, line string) error) (string, error) {
	first, err := c.line()
	if err != nil {
		return "", err
	}
	code := codeOf(first)
	for last := code == "" || isLast(first); !last; {
		line, err := c.line()
		if err != nil {
			return "", err
		}
		if err := check(code, line); err != nil {
			return "", err
		}
		last = codeOf(line) == code && isLast(line)
	}
	return first, nil
}

// isLast tells whether a line with a code is its reply's last.
func isLast(line string) bool { return len(line) == 3 || line[3] == ' ' }

// imap is RFC 9051, section 6.2.1. Untagged responses may come at any time;
// they are skipped, and nobody will ever see them.
func imap(c *conversation, _ string) error {
	greeting, err := c.line()
	if err != nil {
		return err
	}
	switch firstWords(greeting, 2) {
	case "* OK":
	case "* PREAUTH":
		return errors.New("the server begins with PREAUTH, after which there is no STARTTLS; someone on the way may have put that there")
	default:
		return unexpected(greeting)
	}
	if err := c.send("a STARTTLS\r\n"); err != nil {
		return err
	}
	for {
		answer, err := c.line()
		if err != nil {
			return err
		}
		switch words := firstWords(answer, 2); {
		case words == "A OK":
			return nil
		case words == "* BYE", !strings.HasPrefix(answer, "* "):
			return refused("STARTTLS", answer)
		}
	}
}

// pop3 is RFC 2595, section 4.
func pop3(c *conversation, _ string) error { return c.byWord("+OK", "STLS", (*conversation).line) }

// byWord is a protocol in which the server's answers begin with a word that is a yes,
// its greeting too.
func (c *conversation) byWord(yes, question string, read func(*conversation) (string, error)) error {
	greeting, err := read(c)
	if err != nil {
		return err
	}
	if firstWords(greeting, 1) != yes {
		return unexpected(greeting)
	}
	if err := c.send(question + "\r\n"); err != nil {
		return err
	}
	answer, err := read(c)
	if err == nil && firstWords(answer, 1) != yes {
		return refused(question, answer)
	}
	return err
}

// irc is the extension `tls` of IRCv3. Until a client has registered the
// server tells it by notices what it is doing.
func irc(c *conversation, _ string) error {
	if err := c.send("STARTTLS\r\n"); err != nil {
		return err
	}
	for {
		line, err := c.line()
		if err != nil {
			return err
		}
		rest := line
		for _, mark := range []string{"@", ":"} { // tags and the sender
			if strings.HasPrefix(rest, mark) {
				_, rest, _ = strings.Cut(rest, " ")
			}
		}
		switch firstWords(rest, 1) {
		case "670": // RPL_STARTTLS
			return nil
		case "NOTICE", "020": // 020: please wait
		default:
			return refused("STARTTLS", line)
		}
	}
}

// sieve is ManageSieve: RFC 5804, section 2.2.
func sieve(c *conversation, _ string) error {
	return c.byWord("OK", "STARTTLS", (*conversation).sieveResponse)
}

// sieveResponse reads lines that begin with a string, and the one behind them
// that does not. A literal, {N} at a line's end and N bytes behind it, is part
// of its line.
func (c *conversation) sieveResponse() (string, error) {
	for {
		line, err := c.line()
		if err != nil {
			return "", err
		}
		first := line
		for {
			n, ok := literalLength(line)
			if !ok {
				break
			}
			if n > lineLimit {
				return "", errLongLine()
			}
			if _, err := c.take(n); err != nil {
				return "", err
			}
			if line, err = c.line(); err != nil {
				return "", err
			}
		}
		if !strings.HasPrefix(first, `"`) && !strings.HasPrefix(first, "{") {
			return first, nil
		}
	}
}

// literalLength is the length of the literal that a line ends with the beginning of.
func literalLength(line string) (int, bool) {
	inner, ok := strings.CutSuffix(line, "}")
	open := strings.LastIndexByte(inner, '{')
	if !ok || open < 0 {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSuffix(inner[open+1:], "+"), 10, 31)
	return int(n), err == nil
}

// firstWords are the first n words of a line, in capitals.
func firstWords(line string, n int) string {
	fields := strings.SplitN(line, " ", n+1)
	return strings.ToUpper(strings.Join(fields[:min(n, len(fields))], " "))
}
