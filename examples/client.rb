#!/usr/bin/env ruby
# client.rb HOST:PORT [OPTION...]: what a program does with tlsify, in Ruby.
# It asks an HTTP server for a page, prints the answer, and says what went wrong.
require "socket"

address, *options = ARGV

# The plaintext is one socket; the control channel a pipe, descriptor 3 of tlsify's.
plain, theirs = UNIXSocket.pair
control, says = IO.pipe
spawn(ENV.fetch("TLSIFY", "tlsify"), "connect", "--control-fd", "3", *options, address,
      in: theirs, out: theirs, err: File::NULL, 3 => says)
theirs.close
says.close

# A space is %20 there, and % is %25; what a terminal would obey stays %XX.
show = ->(text) { warn text.gsub("%20", " ").gsub("%25", "%") }

# hear reads lines of the control channel until one of these keywords comes.
facts = {}
hear = lambda do |what, *keywords|
  while (line = control.gets(chomp: true))
    keyword, value = line.split(" ", 2)
    facts[keyword] = value
    if keyword == "error"
      code, text = value.split(" ", 2)
      show.call("#{what}: #{text} (#{code})")
    end
    return keyword if keywords.include?(keyword)
  end
  abort "tlsify died"
end

# Before `ready` there is nothing to say to anyone; a bad certificate never gets there.
exit facts["end"].to_i if hear.call("not connected", "ready", "end") == "end"
show.call("connected: #{facts["protocol"]}, #{facts["verified"]}")

begin
  plain.write("GET / HTTP/1.0\r\n\r\n")
rescue Errno::EPIPE # the stream has ended; the control channel tells how
end
IO.copy_stream(plain, $stdout)
plain.close # the end of what we say: before the answer many servers take it for our leaving

hear.call("it did not end well", "end")
exit facts["end"].to_i
