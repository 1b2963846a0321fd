"""What Turnout is handed out as: wheel, sdist, man page, Homebrew formula, PKGBUILD, and an image for CI."""
