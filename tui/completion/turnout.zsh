#compdef turnout
# Completion of turnout for zsh: `turnout completion zsh` prints it.
_turnout() {
    local -a found
    local word text files
    while IFS=$'\t' read -r word text; do
        if [[ $word == :files ]]; then
            files=1
        else
            found+=("${word//:/\\:}:$text")
        fi
    done < <("${(Q)words[1]/#\~/$HOME}" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)
    (( $#found )) && _describe turnout found
    [[ -n $files ]] && _files
}
if [[ $funcstack[1] == _turnout ]]; then
    _turnout "$@"
else
    compdef _turnout turnout
fi
