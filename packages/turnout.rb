class Turnout < Formula
  include Language::Python::Virtualenv

  desc "{description}"
  homepage "{home}"
  url "{sdist_url}"
  sha256 "{sdist_sha256}"
  license "MIT"

  depends_on "python@3.13"

  def install
    virtualenv_create(libexec, "python3.13")
    system "python3.13", "-m", "pip", "--python=#{{libexec}}/bin/python", "install", "."
    bin.install_symlink libexec/"bin/turnout"
    man1.install_symlink libexec/"share/man/man1/turnout.1"
    generate_completions_from_executable(bin/"turnout", "completion")
  end

  test do
    assert_match version.to_s, shell_output("#{{bin}}/turnout --version")
    system bin/"turnout", "schema"
  end
end
