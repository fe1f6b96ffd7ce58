#!/usr/bin/perl
# client.pl HOST:PORT [OPTION...]: what a program does with tlsify, in Perl.
# It asks an HTTP server for a page, prints the answer, and says what went wrong.
use strict;
use warnings;
use POSIX ();
use Socket;

my ($address, @options) = @ARGV;

# The plaintext is one socket; the control channel a pipe, descriptor 3 of tlsify's.
socketpair(my $plain, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die $!;
pipe(my $control, my $says) or die $!;
my $pid = fork() // die $!;
if (!$pid) {
    POSIX::dup2(fileno($theirs), $_) for 0, 1;
    POSIX::dup2(fileno($says), 3);
    open(STDERR, '>', '/dev/null');
    exec($ENV{TLSIFY} || 'tlsify', 'connect', '--control-fd', 3, @options, $address) or POSIX::_exit(127);
}
close($theirs);
close($says);

# A space is %20 there, and % is %25; what a terminal would obey stays %XX.
sub show {
    my $text = "@_";
    $text =~ s/%20/ /g;
    $text =~ s/%25/%/g;
    print STDERR "$text\n";
}

# hear reads lines of the control channel until one of these keywords comes.
my %fact;
sub hear {
    my ($what, %until) = @_;
    while (defined(my $line = <$control>)) {
        chomp $line;
        my ($keyword, $value) = split / /, $line, 2;
        $fact{$keyword} = $value;
        show("$what: $2 ($1)") if $line =~ /^error (\S+) (.*)/;
        return $keyword if $until{$keyword};
    }
    die "tlsify died\n";
}

# Before `ready` there is nothing to say to anyone; a bad certificate never gets there.
exit $fact{end} if hear('not connected', ready => 1, end => 1) eq 'end';
show("connected: $fact{protocol}, $fact{verified}");

$SIG{PIPE} = 'IGNORE';    # if the stream has ended the control channel tells how
syswrite($plain, "GET / HTTP/1.0\r\n\r\n");
print while <$plain>;
close($plain);    # the end of what we say: before the answer many servers take it for our leaving

hear('it did not end well', end => 1);
exit $fact{end};
