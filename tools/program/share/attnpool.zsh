#compdef attnpool
# Completion of attnpool's commands, options and their words in zsh, taken from the program's own help so that it is never behind.
_attnpool() {
  local program=$words[1] command=$words[2] previous=$words[CURRENT-1]
  local -a offered
  if ((CURRENT == 2)); then
    offered=(${(f)"$($program --help 2> /dev/null | sed -n '/^Subcommands:/,/^$/s/^  \([a-z]*\) .*/\1/p')"} --help --version)
  elif [[ $words[CURRENT] == -* ]]; then
    offered=(${(f)"$($program $command --help 2> /dev/null | sed -n 's/^  \(-h,\)\{0,1\}\(--[a-z0-9-]*\).*/\2/p')"})
  elif [[ $command == help ]]; then
    offered=(${(f)"$($program help 2> /dev/null | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p')"})
  elif [[ $previous == --* ]]; then # an option with a choice of words: --NAME a|b|c:{a,b,c}
    offered=(${(s:,:)"$($program $command --help 2> /dev/null | sed -n "s/^  $previous .*:{\([^}]*\)}.*/\1/p")"})
  fi
  if (($#offered)); then
    compadd -- $offered
  else
    _files
  fi
}
if [[ $funcstack[1] == _attnpool ]]; then # found in fpath, and called for the first time
  _attnpool "$@"
else # sourced
  compdef _attnpool attnpool
fi
