#!/usr/bin/env bash
# Prints docs/cli.md: the help of every command of the program that is given.
set -euo pipefail
program=$1

# Neither terminal nor its width may show in the page.
help_of() { COLUMNS=100 "$program" "$@" </dev/null 2>&1 | sed -e 's/[[:space:]]*$//'; }

cat <<'END'
# Command line

Written by `make generate` from the program's own help.

## gameday

END
echo '```text'
help_of --help
echo '```'
for command in $(help_of --help | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p' | grep -vx help); do
    printf '\n## gameday %s\n\n```text\n' "$command"
    help_of help "$command"
    echo '```'
    for below in $(help_of help "$command" | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p' | grep -vx help); do
        printf '\n## gameday %s %s\n\n```text\n' "$command" "$below"
        help_of "$command" "$below" --help
        echo '```'
    done
done
