# Sourced by the parts of tools/packages, which gives them $root and $work.
# shellcheck shell=bash
set -euo pipefail
root=${root:?is given by tools/packages} work=${work:?is given by tools/packages}

stop() {
  echo "packages: $*" >&2
  exit 1
}

# export_tree FOLDER: the files of the tree as they are, those that git does not ignore, without what was built.
export_tree() {
  rm -rf "$1"
  mkdir -p "$1"
  git -C "$root" ls-files -z --cached --others --exclude-standard --deduplicate | tar -C "$root" --null -T - -c | tar -C "$1" -x
}

# debian_tree FOLDER: the same with debian/ where Debian's tools look for it.
debian_tree() {
  export_tree "$1"
  cp -a "$1/packaging/debian" "$1/debian"
}

# debian_packages: builds them into $work/debian unless they are there, of this very tree.
debian_packages() {
  local next=$work/tree debian=$work/debian version digest
  debian_tree "$next"
  version=$(cd "$next" && dpkg-parsechangelog -S Version)
  digest=$(cd "$next" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)
  if [[ -f $debian/digest && $(< "$debian/digest") == "$digest" ]]; then return; fi
  rm -rf "$debian"
  mkdir -p "$debian"
  mv "$next" "$debian/attnpool-$version"
  (cd "$debian/attnpool-$version" && dpkg-buildpackage --no-sign --jobs="$(nproc)")
  echo "$digest" > "$debian/digest"
}
