# For a tap of your own. What tlsify lacks on macOS is in doc/architecture.md.
class Tlsify < Formula
  desc "TLS for every program that has none"
  homepage "https://localhost/tlsify"
  license "MIT"
  # The repository that this file is in; in a tap it is to be the repository's address.
  head "file://#{File.expand_path("../..", __dir__)}", using: :git, branch: "main"

  depends_on "go" => :build

  def install
    system "make", "build", "GOTOOLCHAIN=local"
    system "make", "install-files", "PREFIX=#{prefix}", "BASHDIR=#{bash_completion}",
           "ZSHDIR=#{zsh_completion}", "FISHDIR=#{fish_completion}", "MANDIR=#{man}"
  end

  test do
    # Homebrew's version is HEAD and a commit here.
    assert_match(/^tlsify \d/, shell_output("#{bin}/tlsify version"))
  end
end
