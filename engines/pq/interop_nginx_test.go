package pq

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tlsify/engine/enginetest"
)

const nginxConfig = `daemon off; master_process off; pid nginx.pid; error_log stderr; events {}
http {
	access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
	server {
		listen 127.0.0.1:%s ssl http2; server_name %s; ssl_protocols TLSv1.3;
		ssl_certificate %s; ssl_certificate_key %s;
		location / { root .; }
	}
}`

// TestClientWithNginx fetches a file of 3 MiB, twice, the second time resumed.
func TestClientWithNginx(t *testing.T) {
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("no nginx in PATH")
	}
	dir, port := t.TempDir(), enginetest.FreePort(t)
	cert, key := writeIdentity(t, testIdentity("rsa"))
	content := strings.Repeat("tlsify\n", 3<<20/7)
	os.WriteFile(filepath.Join(dir, "file"), []byte(content), 0o644)
	os.WriteFile(filepath.Join(dir, "conf"), fmt.Appendf(nil, nginxConfig, port, testName, cert, key), 0o644)
	start(t, nginx, "-p", dir, "-c", "conf")
	enginetest.AwaitPort(t, port)
	c, _ := configs("rsa")
	c.ALPN = []string{"http/1.1"}
	c.KeepTicket = func(ticket []byte) { c.Ticket = ticket }
	for i := range 2 {
		session := dial(t, port, c)
		if state := session.State(); state.Resumed != (i > 0) || state.ALPN != "http/1.1" {
			t.Errorf("connection %d: %+v", i, state)
		}
		fmt.Fprintf(session, "GET /file HTTP/1.0\r\nHost: %s\r\n\r\n", testName)
		reply, err := io.ReadAll(session)
		if err != nil || !strings.HasSuffix(string(reply), "\r\n\r\n"+content) {
			t.Errorf("connection %d: %d bytes, %v", i, len(reply), err)
		}
	}
}
