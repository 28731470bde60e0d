# Completion of attnpool's commands, options and their words in bash, taken from the program's own help so that it is never behind.
# shellcheck shell=bash
_attnpool() {
  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} program=${COMP_WORDS[0]} command=${COMP_WORDS[1]}
  local words=
  if ((COMP_CWORD == 1)); then
    words="$("$program" --help 2> /dev/null | sed -n '/^Subcommands:/,/^$/s/^  \([a-z]*\) .*/\1/p') --help --version"
  elif [[ $word == -* ]]; then
    words=$("$program" "$command" --help 2> /dev/null | sed -n 's/^  \(-h,\)\?\(--[a-z0-9-]*\).*/\2/p')
  elif [[ $command == help ]]; then
    words=$("$program" help 2> /dev/null | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p')
  elif [[ $previous == --* ]]; then # an option with a choice of words: --NAME a|b|c:{a,b,c}
    words=$("$program" "$command" --help 2> /dev/null | sed -n "s/^  $previous .*:{\([^}]*\)}.*/\1/p")
    words=${words//,/ }
  fi
  if [[ -n $words ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$word") # a file
  fi
}
complete -o filenames -F _attnpool attnpool
