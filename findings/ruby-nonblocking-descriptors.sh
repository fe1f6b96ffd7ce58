#!/usr/bin/env bash
# Software: Ruby 3.1 (Debian 12's ruby3.1 and libruby3.1 3.1.7+really3.1.2-0+deb12u1; needs
# apt-get, dpkg and the libraries that these want), and any child that writes as programs do,
# here GNU's head.
#
# Behaviour: the ends of IO.pipe and the sockets of UNIXSocket.pair are non-blocking in Ruby,
# and spawn hands them so to a child, but for those that become its 0, 1 and 2. What the child
# has at 3 and above (spawn(..., 3 => writer)) makes its write(2) fail with EAGAIN as soon as
# the reader is slower than a pipe is large. Few programs are ready for that: head ends with an
# error, behind the first 64 KiB; and with its report on 1 the same program waits, and all
# arrives. The documentation of spawn says nothing of it.
#
# Output seen on 2026-11-30:
#   ruby 3.1.2: of 300000 bytes arrived: by descriptor 1 300000 (status 0), by descriptor 3 65536 (status 1); by 3, with writer.nonblock = false, 300000 (status 0)
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
version=3.1.7+really3.1.2-0+deb12u1
apt-get -o APT::Sandbox::User=root download -q "ruby3.1=$version" "libruby3.1=$version" >/dev/null
for package in *.deb; do dpkg -x "$package" ruby; done
libraries=$(echo "$dir"/ruby/usr/lib/*-linux-gnu)
cat >main.rb <<'END'
require "io/nonblock"

def arrived(descriptor, blocking = false)
	reader, writer = IO.pipe
	writer.nonblock = false if blocking
	child = spawn("exec head -c 300000 /dev/zero >&#{descriptor} 2>/dev/null", descriptor => writer)
	writer.close
	sleep 1
	bytes = 0
	while (some = reader.read(65536))
		bytes += some.size
	end
	Process.wait(child)
	[bytes, $?.exitstatus]
end

seen = [arrived(1), arrived(3), arrived(3, true)]
puts format("ruby #{RUBY_VERSION}: of 300000 bytes arrived: by descriptor 1 %d (status %d), by descriptor 3 %d (status %d); " \
	"by 3, with writer.nonblock = false, %d (status %d)", *seen.flatten)
exit seen == [[300000, 0], [65536, 1], [300000, 0]]
END
export LD_LIBRARY_PATH=$libraries
RUBYLIB=$dir/ruby/usr/lib/ruby/3.1.0:$libraries/ruby/3.1.0
export RUBYLIB
timeout 60 ruby/usr/bin/ruby3.1 --disable=gems main.rb
