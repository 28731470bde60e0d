#!/bin/bash
# Writes the man pages of the program, one for it and one for each command, from what it says itself.
#   man_pages.sh PROGRAM FOLDER      needs help2man
set -euo pipefail
folder=$2
mkdir -p "$folder"
# help2man splits what it is to run at blanks, of which a folder may have some: it finds the program by its name.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ln -s "$(realpath "$1")" "$work/attnpool"
PATH=$work:$PATH program=attnpool sections=$work/sections

# section TITLE TOPIC: a topic of `attnpool help` as a section, its lines kept as they are.
section() { printf '\n[%s]\n.nf\n%s\n.fi\n' "$1" "$("$program" help "$2" | sed 's/\\/\\e/g; s/^\([.'"'"']\)/\\\&\1/; s/-/\\-/g')"; }

# page COMMAND: the page of `attnpool COMMAND`; of the program itself without one.
page() {
  local name=attnpool${1:+-$1} summary others
  summary=$("$program" ${1:+"$1"} --help | head -n 1)
  others=$(for command in '' $commands; do [[ $command == "${1-}" ]] || printf '.BR attnpool%s (1),\n' "${command:+\\-$command}"; done)
  printf '%s\n[SEE ALSO]\n%s\n' "$(cat "$sections")" "${others%,}" > "$sections.page"
  help2man --no-info --section=1 --name="${summary%.}" --source=attnpool --include="$sections.page" \
    --version-string="$("$program" --version)" "attnpool${1:+ $1}" |
    sed "1,4s/^\.TH [^ ]*/.TH ${name^^}/; s/^attnpool \\\\- /${name//-/\\\\-} \\\\- /" > "$folder/$name.1"
  rm -f "$sections.page"
}

commands=$("$program" --help | sed -n '/^Subcommands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
{
  section 'EXIT STATUS' exit-codes
  section ENVIRONMENT environment
} > "$sections"
for command in $commands; do page "$command"; done
{
  section 'DATA FILES' data
  section BANDWIDTH bandwidth
  section 'STANDARD ERRORS' inference
  section ALGORITHMS algorithms
} >> "$sections"
page
